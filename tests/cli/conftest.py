from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.bench.suites.emoji.world import Size
from overpaint.bench.suites.suite import Judges
from overpaint.bench.summary import some_holdouts
from overpaint.cli.app import app
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.patch import LowRank, Patch
from tests.bench.worlds import random_grader, small_world
from tests.models import tiny_sd

Run = Callable[..., Result]
FC2 = "text_encoder.text_model.encoder.layers.0.mlp.fc2.weight"


def in_words(output: str) -> str:
    """What a table says, without its lines."""
    return " ".join(output.replace("│", " ").split())


def number(told: str, name: str) -> float:
    """The number that a table in words gives under a name."""
    found = re.search(rf"{name} ([\d,.]+)", told)
    assert found is not None, told
    return float(found[1].replace(",", ""))


@pytest.fixture
def run() -> Run:
    """``run("erase", "pizza", ...)``: the command line, in this process; an unexpected exception is raised here."""

    def call(*words: Any, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return call


@pytest.fixture(scope="session")
def pipeline() -> Any:
    """A random pipeline of the bundled model's family, which draws tiny pictures."""
    return tiny_sd()


@pytest.fixture(scope="session")
def model(pipeline: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder."""
    folder = tmp_path_factory.mktemp("model")
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def patch_file(pipeline: Any, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A patch on it that changes every prompt's states."""
    torch.manual_seed(0)
    out, inner = pipeline.text_encoder.config.hidden_size, pipeline.text_encoder.config.intermediate_size
    delta = LowRank(torch.randn(out, 1), torch.randn(1, inner))
    provenance = {"model": str(model), "method": "by hand", "plan": {"edits": [{"erase": "[red]pizza[/red]"}]}}
    path = tmp_path_factory.mktemp("patch") / "patch.safetensors"
    return Patch.made_on(pipeline, {FC2: delta}, provenance).save(path)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("OVERPAINT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sampling step whatever is asked for: what is drawn does not matter here."""
    drawn: Any = StableDiffusion.sample

    def sample(self: Any, prompts: Any, seeds: Any, steps: int = 20, *more: Any, **named: Any) -> Any:
        return drawn(self, prompts, seeds, 1, *more, **named)

    monkeypatch.setattr(StableDiffusion, "sample", sample)


@pytest.fixture
def few_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A random grader judges what edits do, and looks at three hold-outs."""
    judge = random_grader(small_world())
    monkeypatch.setattr("overpaint.cli.models.grader_for", lambda backbone: judge)
    monkeypatch.setattr("overpaint.bench.summary.some_holdouts", partial(some_holdouts, count=3))


@pytest.fixture
def small_emoji(monkeypatch: pytest.MonkeyPatch) -> Vocabulary:
    """Suites of the bundled world look at next to nothing of these words, and a random grader judges."""
    world = small_world()
    judge = random_grader(world)
    size = Size(
        replacements=(2,), singles=1, drawn=1, free_form=1, aliases=0, neighbours=1, holdouts=3, holdout_templates=1,
        single_holdouts=2, rectified=1, styles=1, styled=1, pictures=1, categories=1, rounds=2, per_round=1, composed=1,
    )  # fmt: skip
    monkeypatch.setattr("overpaint.bench.suites.judges.judges_named", lambda *_: Judges(judge))
    monkeypatch.setattr("overpaint.bench.suites.emoji.QUICK", size)
    monkeypatch.setattr("overpaint.bench.artist.default_batch", lambda *_: 8)
    return world


@pytest.fixture
def known_scores(tmp_path: Path, small_emoji: Vocabulary) -> Path:
    """A scores file by which the model knows that world."""
    path = tmp_path / "known.json"
    path.write_text(json.dumps({"concepts": {concept.name: 0.9 for concept in small_emoji.concepts}}))
    return path
