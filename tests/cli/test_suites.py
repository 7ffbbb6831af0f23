from __future__ import annotations

import json
from pathlib import Path

import pytest

from overpaint.bench.results import Result
from overpaint.bench.suites.emoji.world import Size
from overpaint.bench.suites.suite import Judges
from tests.bench.worlds import random_grader, small_world
from tests.cli.conftest import Run

WORLD = small_world()
SMALL = Size(
    replacements=(2,), singles=1, drawn=1, free_form=1, aliases=0, neighbours=1, holdouts=3, holdout_templates=1,
    single_holdouts=2, rectified=1, styles=1, styled=1, pictures=1, categories=1, rounds=2, per_round=1, composed=1,
)  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = random_grader(WORLD)
    monkeypatch.setattr("overpaint.bench.suites.judges.judges_named", lambda *_: Judges(judge))
    monkeypatch.setattr("overpaint.bench.suites.emoji.QUICK", SMALL)
    monkeypatch.setattr("overpaint.bench.artist.default_batch", lambda *_: 8)


@pytest.fixture
def words(tmp_path: Path, model: Path) -> tuple[object, ...]:
    known = tmp_path / "known.json"
    known.write_text(json.dumps({"concepts": {concept.name: 0.9 for concept in WORLD.concepts}}))
    options = ("--set", "captions=20", "--scores", known, "--out", tmp_path / "out", "--quick", "--device", "cpu")
    return ("bench", "emoji", "--model", model, "--method", "emcid-copy", *options)


def test_the_emoji_suite_leaves_tables_a_result_and_a_page(run: Run, tmp_path: Path, words: tuple[object, ...]) -> None:
    output = run(*words, "--task", "replacement").stdout
    assert "emcid-copy/replacement/2: model" in output
    result = Result.read(tmp_path / "out" / "result.json")
    assert result.complete
    assert result.split == "test"
    assert result.provenance["model_fingerprint"]
    item = result.cases[0].items[0]
    assert item.before is not None
    assert result.image(tmp_path / "out" / "result.json", item.before).is_file()
    assert any(path.suffix == ".html" for path in (tmp_path / "out").iterdir())


def test_a_dry_run_counts_and_draws_nothing(run: Run, tmp_path: Path, words: tuple[object, ...]) -> None:
    output = run(*words, "--task", "replacement", "--dry-run").stdout
    assert "denoiser steps" in output
    assert "hours of drawing on this device" in output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [(("--task", "nonsense"), "--task nonsense: unknown"), (("--split", "training"), "validation and test")],
)
def test_mistakes_are_one_line(run: Run, words: tuple[object, ...], more: tuple[str, ...], message: str) -> None:
    assert message in run(*words, *more, code=2).stderr


def test_published_suites_want_one_method_or_a_run(run: Run, tmp_path: Path) -> None:
    assert "say one --method, or --run" in run("bench", "iceb", "--data", tmp_path, code=2).stderr
    assert "not there; point --data" in run("bench", "iceb", "--data", tmp_path, "--method", "emcid", code=2).stderr
