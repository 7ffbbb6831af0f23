from __future__ import annotations

import json
from pathlib import Path

import pytest

from overpaint.emoji.scores import read_scores
from tests.bench.worlds import random_grader, small_world
from tests.cli.conftest import Run, in_words, number

WORLD = small_world()


@pytest.fixture(autouse=True)
def grader(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = random_grader(WORLD)
    monkeypatch.setattr("overpaint.cli.models.grader_for", lambda backbone: judge)


def test_the_model_is_judged_and_its_scores_are_kept(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overpaint.emoji.scores.SCORES_FILE", tmp_path / "scores.json")
    words = ("bench", "model", "--model", model, "--suite", "plain", "--write-scores", "--out", tmp_path / "model.json")
    output = run(*words).stdout
    assert "plain prompts, top-1" in output
    assert ">= 0.85" in output
    report = json.loads((tmp_path / "model.json").read_text())
    assert report["settings"]["suites"] == ["plain"]
    assert set(read_scores(tmp_path / "scores.json")) == {concept.name for concept in WORLD.concepts}


def test_a_dry_run_counts_what_would_be_drawn(run: Run, model: Path, tmp_path: Path) -> None:
    words = ("bench", "model", "--model", model, "--suite", "plain", "--out", tmp_path / "model.json")
    told = in_words(run(*words, "--steps", 5, "--dry-run").output)
    assert not list(tmp_path.iterdir())
    run(*words)
    drawn = json.loads((tmp_path / "model.json").read_text())["figures"][0]["count"]
    assert number(told, "pictures to draw") >= drawn > 0
    assert number(told, "evaluations of the denoiser") == 2 * 5 * number(told, "pictures to draw")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("model", "--suite", "nonsense"), "--suite nonsense"),
        (("model", "--write-scores", "--concepts", "5"), "--write-scores"),
    ],
)
def test_mistakes_are_one_line(run: Run, model: Path, words: tuple[str, ...], message: str) -> None:
    assert message in run("bench", *words, "--model", model, code=2).stderr
