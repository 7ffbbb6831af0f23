"""Debiased concepts of any model are counted by the grader that ``--grader`` names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from overpaint.bench.drawing import Drawing
from overpaint.bench.graders.grader import Grader
from overpaint.bench.remaining import PictureValidator
from overpaint.cli.models import validator_for
from overpaint.errors import OverpaintError
from overpaint.patch import Patch
from overpaint.plan import Plan
from tests.bench.worlds import Reader, small_world
from tests.cli.conftest import Run
from tests.methods.tiny import tiny_backbone

QUICK = ("--method", "emcid-copy", "--set", "captions=40")


class Bright(Grader):
    """Takes bright pictures for the first label."""

    name = "bright"

    def scores(self, images: Sequence[Image.Image], labels: Sequence[Sequence[str]]) -> Tensor:
        light = torch.tensor([float(np.asarray(image).mean()) / 255 for image in images])
        return torch.stack([light, 1 - light], dim=1)


def test_a_named_grader_counts_what_is_drawn(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def images(*given: Any, **_: Any) -> list[Image.Image]:
        return [Image.new("L", (8, 8), 255 * (seed % 4 == 0)) for seed in given[3]]

    def named(name: str, device: str) -> Grader:
        asked.append(name)
        return Bright()

    monkeypatch.setattr(Drawing, "images", images)
    monkeypatch.setattr("overpaint.bench.graders.loading.grader_named", named)
    plan = tmp_path / "plan.yaml"
    plan.write_text("edits:\n  - debias: pilot\n    kind: profession\n    over: {cat: 0.25, dog: 0.75}\n")
    words = ("edit", plan, "--model", model, "--out", tmp_path / "run", "--no-evaluate", *QUICK)
    run(*words, "--grader", "clip:some/model")
    assert asked == ["clip:some/model"]
    counted = Patch.load(tmp_path / "run" / "patch.safetensors").provenance["debias"]["shares"]["pilot"]
    assert counted["cat"] == pytest.approx(0.25, abs=0.12)
    assert counted["cat"] + counted["dog"] == 1
    assert "grader" in run(*words, code=2).stderr  # counted otherwise: another run
    nothing = ("erase", "dog", "--model", model, "--out", tmp_path / "other", "--grader", "clip:some/model")
    assert "nothing is debiased" in run(*nothing, code=2).stderr


def test_who_looks_while_esd_trains_is_asked_for_by_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(**settings: Any) -> Plan:
        return Plan.parse({"method": "esd-x", "edits": [{"erase": "dog"}], "settings": settings})

    backbone, world = tiny_backbone(), small_world()
    asked = plan(measure="pictures", until="gone")
    monkeypatch.setattr("overpaint.cli.models.grader_for", lambda backbone: None)
    assert validator_for(backbone, plan(until="gone")) is None
    assert validator_for(backbone, plan(measure="pictures")) is None  # all updates are made
    with pytest.raises(OverpaintError, match=r"settings\.measure.*--grader"):
        validator_for(backbone, asked)
    monkeypatch.setattr("overpaint.cli.models.grader_for", lambda backbone: Reader(world))
    assert isinstance(validator_for(backbone, asked), PictureValidator)
