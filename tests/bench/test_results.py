from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from overpaint.bench.results import Figure, Result
from overpaint.bench.scores import mean
from overpaint.errors import OverpaintError
from tests.bench.examples import BEFORE, example


def test_a_result_survives_its_file(tmp_path: Path) -> None:
    path = example().write(tmp_path / "result.json")
    assert Result.read(path) == example()
    assert path.read_bytes() == example().write(tmp_path / "again.json").read_bytes()


def test_what_was_not_measured_is_null_and_stays_unknown(tmp_path: Path) -> None:
    path = example().write(tmp_path / "result.json")
    assert "NaN" not in path.read_text()
    fid = Result.read(path).cases[0].row("FID").figure
    assert (fid.value, fid.count) == (None, 0)
    assert math.isnan(fid.score.value)
    assert Result.read(path).cases[0].items[1].scores["P(pizza)"].after is None


def test_a_figure_keeps_interval_and_counts() -> None:
    score = mean([0.25, 0.75, math.nan])
    figure = Figure.of(score)
    assert (figure.value, figure.count, figure.missing) == (0.5, 2, 1)
    assert figure.low == pytest.approx(score.low)


def test_bars_are_judged_by_what_is_better() -> None:
    case = example().cases[0]
    assert case.row("source-to-destination", "templates").met is True
    assert case.row("hold-out change", "hold-outs").met is False
    assert case.row("source forget", "templates").met is None


def test_a_curve_runs_over_the_edits() -> None:
    curve = example().curve("replacement", "source-to-destination", "templates")
    assert [edits for edits, _ in curve["emcid"]] == [10, 100]
    assert example().curve("rectification", "source-to-destination", "templates") == {}


def test_pictures_are_found_from_the_file(tmp_path: Path) -> None:
    assert example().image(tmp_path / "result.json", BEFORE) == tmp_path / "images" / "00" / f"{BEFORE}.png"


@pytest.mark.parametrize("text", ["", "{}", '{"suite": "emoji"', json.dumps({"suite": 1, "title": ""})])
def test_a_damaged_file_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(OverpaintError, match="not a result file"):
        Result.read(path)
    with pytest.raises(OverpaintError, match="no result"):
        Result.read(tmp_path / "nothing.json")


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(example().model_copy(update={"format": 99}).model_dump_json())
    with pytest.raises(OverpaintError, match="newer"):
        Result.read(path)
