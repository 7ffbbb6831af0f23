"""A dry run counts what the run will do, refuses what it refuses, and leaves nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from overpaint.backbone.stable_diffusion import StableDiffusion
from tests.cli.conftest import Run, in_words, number

pytestmark = pytest.mark.usefixtures("few_judged")


def test_a_dry_run_counts_checks_and_leaves_nothing(run: Run, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "never"
    shown = run("erase", "pizza", "--method", "esd-x", "--model", model, "--out", out, "--dry-run").output
    words = in_words(shown)
    for label in ("weights that change", "pictures to draw", "evaluations of the denoiser", "hours", "memory", "disk"):
        assert label in words
    assert not out.exists()
    wrong = run("erase", "pizza", "--set", "stepz=3", "--model", model, "--out", out, "--dry-run", code=2).output
    assert "did you mean 'steps'" in wrong


@pytest.mark.parametrize(
    "edits", [["{erase: pizza, to: hen}"], ["{replace: pizza, with: hen}", "{erase: dog, to: cat}"]]
)
def test_the_pictures_of_a_dry_run_are_those_that_the_run_draws(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edits: list[str]
) -> None:
    drawn: list[int] = []
    sample: Any = StableDiffusion.sample

    def noted(self: Any, prompts: Any, *more: Any, **named: Any) -> Any:
        drawn.append(len(prompts))
        return sample(self, prompts, *more, **named)

    monkeypatch.setattr(StableDiffusion, "sample", noted)
    monkeypatch.setattr("overpaint.bench.artist.default_batch", lambda *_: 1)  # batches that are not filled up
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"method: emcid-copy\nsettings: {{captions: 40}}\nedits: [{', '.join(edits)}]\n")
    words = ("edit", plan, "--model", model, "--out", tmp_path / "run")
    told = in_words(run(*words, "--dry-run").output)
    assert not drawn
    run(*words)
    assert number(told, "pictures to draw") == sum(drawn)
    assert number(told, "evaluations of the denoiser") == 2 * 20 * sum(drawn)
    assert number(in_words(run(*words, "--dry-run", "--no-evaluate").output), "pictures to draw") == 0


def test_a_dry_run_asks_for_a_grader_where_the_run_does(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ("--method", "esd-x", "--set", "measure=pictures", "--set", "until=gone")
    words = ("erase", "pizza", "--model", model, "--out", tmp_path / "run", *settings, "--dry-run")
    run(*words)
    monkeypatch.setattr("overpaint.cli.models.grader_for", lambda backbone: None)
    assert "no grader knows the model's pictures" in run(*words, code=2).stderr
