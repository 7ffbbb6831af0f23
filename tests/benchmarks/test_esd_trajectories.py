"""The two ways to draw rows for ESD are compared at the same updates: evaluations are counted, erasure is judged."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from overpaint.backbone.parameters import resolve
from overpaint.patch import Dense, Patch
from overpaint.plan import Plan
from tests.methods.tiny import tiny_backbone

UPDATES, BATCH, STEPS, TRAJECTORIES = 3, 2, 4, 2
SETTINGS = {"steps": UPDATES, "batch": BATCH, "image_steps": STEPS, "trajectories": TRAJECTORIES}
SETTINGS |= {"preserve": 0, "captions": 0, "validate_trajectories": 1}


@pytest.fixture
def trajectories(script: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    module = script("esd_trajectories")
    monkeypatch.setattr(module, "open_backbone", lambda *_: tiny_backbone())
    return module


def rows_of(module: Any, monkeypatch: pytest.MonkeyPatch, out: Path, *more: str) -> dict[str, dict[str, Any]]:
    words = ["--concept", "dog", "--holdout", "cat", "--out", str(out), *more]
    for name, value in SETTINGS.items():
        words += ["--set", f"{name}={value}"]
    monkeypatch.setattr(sys, "argv", ["esd_trajectories.py", *words])
    module.main()
    return {row["way"]: row for row in json.loads(out.read_text())["rows"]}


def test_evaluations_are_those_of_sampling_teacher_and_student(
    trajectories: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rows_of(trajectories, monkeypatch, tmp_path / "found.json")
    student = UPDATES * BATCH
    templates = len(Plan.parse({"edits": [{"erase": "dog"}]}).edits[0].prompts)
    # whole trajectories, whose guided steps are the teacher's predictions as well
    assert rows["cached"]["evaluations"] == templates * TRAJECTORIES * STEPS * 2 + student
    # a partial trajectory for each row, then the teacher for both prompts
    sampled = rows["published"]["evaluations"] - student - 2 * student
    assert sampled % (2 * BATCH) == 0
    assert 0 <= sampled <= 2 * student * (STEPS - 1)
    assert all(row["training"]["updates"] == UPDATES for row in rows.values())
    assert all(row["P(source)"] is None for row in rows.values())  # the bundled grader does not know these pictures
    said = capsys.readouterr().out
    assert f"<!-- {UPDATES} updates of {BATCH}, {STEPS} sampling steps -->" in said
    assert "| P(source) | - | - |" in said
    frozen = rows_of(trajectories, monkeypatch, tmp_path / "frozen.json", "--frozen")
    assert frozen["published"]["evaluations"] == rows["published"]["evaluations"]
    assert frozen["published"]["way left"] != rows["published"]["way left"]
    assert frozen["cached"]["way left"] == rows["cached"]["way left"]


def test_an_untouched_model_has_the_whole_way_to_go_and_moves_no_hold_out(trajectories: Any) -> None:
    backbone = tiny_backbone()
    plan = Plan.parse({"method": "esd-x", "settings": SETTINGS, "edits": [{"erase": "dog"}]})
    judge = trajectories.Judge(backbone, None, plan, ["cat", "pizza"], steps=2)
    name = next(name for name, _ in backbone.unet.named_parameters() if name.endswith("attn2.to_k.weight"))
    weight = resolve(backbone.pipe, f"unet.{name}").detach()
    figures = {}
    for scale in (0.0, 1.0):
        change = Dense(scale * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)))
        figures[scale] = judge.figures(Patch.made_on(backbone.pipe, {f"unet.{name}": change}, {}))
    assert figures[0.0]["way left"] == pytest.approx(1)
    assert figures[0.0]["hold-outs moved"] == pytest.approx(0, abs=1e-9)
    assert figures[1.0]["hold-outs moved"] > 1e-6


def test_ratios_are_of_the_means_and_stand_beside_their_bars(
    trajectories: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    same = dict.fromkeys(trajectories.FIGURES, 0.5)
    rows = [
        {**same, "way": way, "evaluations": evaluations, "seconds": seconds, "P(source)": left}
        for way, evaluations, seconds, left in (
            ("cached", 100, 10.0, 0.2), ("published", 500, 30.0, 0.1), ("cached", 100, 10.0, 0.1),
            ("published", 900, 40.0, 0.1),
        )
    ]  # fmt: skip
    trajectories.show(rows, {"steps": 1, "batch": 1, "image_steps": 1}, seed=0)
    said = capsys.readouterr().out
    assert "| figure, mean over 2 concepts | cached | published |" in said
    assert "| evaluations | 100.000 [100.000, 100.000] n=2 | 700.000 [500.000, 900.000] n=2 |" in said
    assert "evaluations: published / cached 7.000 [5.000, 9.000] n=2, bar 6: met" in said
    assert "seconds: published / cached 3.500 [3.000, 4.000] n=2, bar 4: missed" in said
    assert "P(source), cached less published: 0.050 [" in said
