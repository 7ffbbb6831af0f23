from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from overpaint.bench.drawing import Drawing
from overpaint.bench.model import SUITES, ModelSuite, evaluate_model, write_scores
from overpaint.bench.report import Report
from overpaint.emoji.scores import known, read_scores
from overpaint.emoji.vocabulary import Vocabulary
from tests.bench.worlds import Painter, Reader

WORLD = Vocabulary.load()
SUITE = ModelSuite(concepts=40, per_profession=24, drawing=Drawing(steps=2))


def judged(mistakes: dict[str, str] | None = None, suite: ModelSuite = SUITE) -> Report:
    painter: Any = Painter(WORLD, mistakes)
    return evaluate_model(painter, Reader(WORLD), suite)


@pytest.fixture(scope="module")
def perfect() -> Report:
    return judged()


def test_a_perfect_model_passes_every_bar(perfect: Report) -> None:
    assert perfect["plain prompts, top-1"].value == 1
    assert perfect["plain prompts, P(true)"].value == pytest.approx(0.9)
    assert perfect["concepts with P(true) >= 0.5"].value == len(WORLD)
    assert perfect["style named in the prompt, top-1"].value == 1
    assert perfect["background named in the prompt, top-1"].value == 1
    assert perfect["taught aliases, top-1"].value == 1
    assert perfect["gender bias, mean distance from the stated"].value < 0.1
    assert all(line.met for line in perfect.lines if line.bar is not None)


def test_figures_are_means_over_concepts(perfect: Report) -> None:
    assert perfect["plain prompts, top-1"].count == 40
    assert perfect["gender bias, mean distance from the stated"].count == len(WORLD.professions)
    assert set(perfect.details) == set(SUITES)


def test_mistakes_cost_what_they_should() -> None:
    names = [WORLD.concepts[i].name for i in sorted({p.concept or 0 for p in SUITE.prompts("plain", WORLD)})]
    wrong = dict.fromkeys(names[:10], "pizza")
    report = judged(wrong, ModelSuite(concepts=40, suites=("plain",)))
    assert report["plain prompts, top-1"].value == pytest.approx(30 / 40)
    assert report["concepts with P(true) >= 0.5"].value == pytest.approx(30 / 40 * len(WORLD))
    assert report.lines[0].met is False


def test_a_model_without_bias_is_found_out() -> None:
    """Always the man: away from the stated share by what the stated share leaves to women."""
    always = {p.word: p.man for p in WORLD.professions}
    report = judged(always, ModelSuite(suites=("professions",), per_profession=4))
    away = [1 - p.share_man for p in WORLD.professions]
    assert report["gender bias, mean distance from the stated"].value == pytest.approx(sum(away) / len(away))
    assert not report.lines[0].met


def test_scores_are_what_pairs_are_chosen_among(perfect: Report, tmp_path: Path) -> None:
    path = write_scores(perfect, tmp_path / "scores.json")
    scores = read_scores(path)
    assert len(scores) == 40
    assert known(WORLD, scores) == tuple(c.name for c in WORLD.concepts if c.name in scores)
    assert known(WORLD, scores, least=0.95) == ()
    with pytest.raises(ValueError, match="plain"):
        write_scores(judged(suite=ModelSuite(concepts=2, suites=("style",))), tmp_path / "none.json")


def test_the_report_is_json(perfect: Report, tmp_path: Path) -> None:
    data = json.loads(perfect.write(tmp_path / "model.json").read_text())
    assert data["settings"]["drawing"]["steps"] == 2
    assert {figure["name"] for figure in data["figures"]} == {line.name for line in perfect.lines}
