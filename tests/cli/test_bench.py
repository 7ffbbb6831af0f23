from __future__ import annotations

import json
from pathlib import Path

import pytest

from overpaint.bench.pairs import read_scores
from tests.bench.worlds import random_grader, small_world
from tests.cli.conftest import Run

WORLD = small_world()


@pytest.fixture(autouse=True)
def grader(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = random_grader(WORLD)
    monkeypatch.setattr("overpaint.cli.models.grader_for", lambda backbone: judge)


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    path = tmp_path / "known.json"
    path.write_text(json.dumps({"concepts": {concept.name: 0.9 for concept in WORLD.concepts}}))
    return path


def test_the_model_is_judged_and_its_scores_are_kept(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overpaint.bench.pairs.SCORES_FILE", tmp_path / "scores.json")
    words = ("bench", "model", "--model", model, "--suite", "plain", "--write-scores", "--out", tmp_path / "model.json")
    output = run(*words).stdout
    assert "plain prompts, top-1" in output
    assert ">= 0.85" in output
    report = json.loads((tmp_path / "model.json").read_text())
    assert report["settings"]["suites"] == ["plain"]
    assert set(read_scores(tmp_path / "scores.json")) == {concept.name for concept in WORLD.concepts}


def test_methods_are_compared_on_the_same_edits(run: Run, model: Path, scores: Path, tmp_path: Path) -> None:
    words = ("bench", "edits", "--model", model, "--scores", scores, "-n", 2, "--holdouts", 3, "--free-form", 1)
    methods = ("--method", "emcid-copy", "--method", "emcid-paper", "--set", "steps=1", "--set", "captions=30")
    output = run(*words, *methods, "--set", "image_steps=1", "--out", tmp_path / "edits.json").stdout
    assert "2 edits by emcid-copy" in output
    assert "2 edits by emcid-paper" in output
    copied, paper = json.loads((tmp_path / "edits.json").read_text())
    first, second = (
        [{k: v for k, v in figure.items() if k != "met"} for figure in report["figures"] if "before" in figure["name"]]
        for report in (copied, paper)
    )
    assert first == second
    assert [e["source"] for e in copied["details"]["edits"]] == [e["source"] for e in paper["details"]["edits"]]
    assert len(copied["details"]["hold-outs"]) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("model", "--suite", "nonsense"), "--suite nonsense"),
        (("model", "--write-scores", "--concepts", "5"), "--write-scores"),
        (("edits", "--scores", "nowhere.json"), "nowhere.json: no scores"),
        (("edits", "-n", "1000"), "ask for fewer"),
        (("edits", "-n", "2", "--holdouts", "2", "--method", "emsid"), "did you mean 'emcid"),
    ],
)
def test_mistakes_are_one_line(run: Run, model: Path, scores: Path, words: tuple[str, ...], message: str) -> None:
    more = ("--scores", scores) if words[0] == "edits" and "--scores" not in words else ()
    assert message in run("bench", *words, "--model", model, *more, code=2).stderr
