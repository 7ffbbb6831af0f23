from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from overpaint.bench.graders.grader import Grader
from overpaint.bench.results import Result
from overpaint.bench.suites.suite import Judges
from overpaint.plan import Plan
from tests.cli.conftest import Run

pytestmark = pytest.mark.usefixtures("small_emoji")

LITTLE = [
    word
    for said in ("pictures=1", "steps=1", "candidates=2", "tokens=1", "draws=2", "iterations=1", "variants=1")
    for word in ("--budget", said)
]


class Anything(Grader):
    """Sees everything everywhere."""

    name = "anything"

    def scores(self, images: Sequence[Image.Image], labels: Sequence[Sequence[str]]) -> torch.Tensor:
        return torch.full((len(images), len(labels[0])), 0.9)


@pytest.fixture
def words(tmp_path: Path, model: Path, known_scores: Path) -> tuple[Any, ...]:
    options = ("--scores", known_scores, "--out", tmp_path / "out", "--quick", "--device", "cpu")
    return ("bench", "attacks", "--model", model, *options)


def test_methods_are_attacked_and_a_page_is_written(run: Run, tmp_path: Path, words: tuple[Any, ...]) -> None:
    output = run(*words, *LITTLE, "--method", "uce", "--concepts", 1).stdout
    assert "uce/attacks/1" in output
    result = Result.read(tmp_path / "out" / "result.json")
    assert result.complete
    assert result.settings["budgets"]["token search"]["steps"] == 1
    case = result.case("uce/attacks/1")
    assert {"no attack", "token search", "embedding inversion", "latent inversion"} <= {row.group for row in case.rows}
    assert case.verdict != "unknown"
    assert (tmp_path / "out" / "report.html").is_file()


def test_a_run_is_attacked_for_what_its_plan_took_away(
    run: Run, tmp_path: Path, model: Path, words: tuple[Any, ...]
) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("method: uce\nedits: [{erase: pizza}, {rectify: aubergine, as: eggplant}]\n")
    run("edit", plan, "--model", model, "--out", tmp_path / "run", "--device", "cpu")
    run(*words, *LITTLE[:2], "--run", tmp_path / "run", "--attack", "paraphrases")
    (case,) = Result.read(tmp_path / "out" / "result.json").cases
    assert case.name == "uce/run"
    assert (case.edits, case.settings["plan"]["method"]) == (2, "uce")
    assert {item.unit for item in case.items if item.group == "paraphrases"} == {"erase:pizza"}


def test_other_judges_want_names(
    run: Run, tmp_path: Path, words: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overpaint.bench.suites.judges.judges_named", lambda *_: Judges(Anything()))
    assert "say --concept and --method" in run(*words, *LITTLE, code=2).stderr
    names = tmp_path / "names.yaml"
    names.write_text("concepts: {church: {aliases: [chapel]}}\nholdouts: [dog]\n")
    asked = ("--attack", "paraphrases", "--concept", "church", "--method", "uce", "--names", names)
    run(*words, *LITTLE[:2], *asked)
    (case,) = Result.read(tmp_path / "out" / "result.json").cases
    assert case.row("attack success after", "paraphrases").figure.value == 1
    assert case.verdict == "holds"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--attack", "shouting"), "attack 'shouting': unknown"),
        (("--budget", "steps=none"), "is no whole number above zero"),
        (("--concept", "flux capacitor"), "no concept of that name"),
        (("--run", "nowhere", "--method", "uce"), "leave --method and --concept out"),
        (("--names", "nowhere.yaml"), "nowhere.yaml:1: cannot read the file"),
    ],
)
def test_mistakes_are_one_line(run: Run, words: tuple[Any, ...], more: tuple[str, ...], message: str) -> None:
    assert message in run(*words, *more, code=2).stderr.replace("\n", " ")


def test_a_method_that_needs_an_anchor_is_given_one(run: Run, tmp_path: Path, words: tuple[Any, ...]) -> None:
    options = ("--attack", "misspelling", "--method", "emcid-copy", "--set", "blocks=[0]", "--concepts", 1)
    run(*words, *LITTLE[:2], *options)
    (case,) = Result.read(tmp_path / "out" / "result.json").cases
    assert case.status == "measured"
    (edit,) = Plan.parse(case.plan or {}).edits
    assert edit.action == "erase"
    assert edit.destination not in (None, edit.source)
