"""Figures go from a suite's result to the page, all of them, and without the items."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from overpaint.bench.results import Result
from overpaint.errors import OverpaintError
from overpaint.report.run_result import RESULT
from tests.report.worlds import case, suite


@pytest.fixture
def evidence(script: Callable[[str], Any]) -> Any:
    return script("evidence")


def result(folder: Path) -> Result:
    return Result.read(suite(folder, case(folder)) / RESULT)


def test_all_figures_are_kept_and_shown(evidence: Any, tmp_path: Path) -> None:
    from docs.hooks import results

    whole = result(tmp_path)
    kept = evidence.kept(whole)
    assert not any(case.items for case in kept.cases)
    assert [case.rows for case in kept.cases] == [case.rows for case in whole.cases]
    kept.write(tmp_path / "kept" / "emoji.json")
    (text,) = results(tmp_path / "kept")
    assert text.startswith(f"## {whole.title}")
    rows = [row for one in whole.cases for row in one.rows if row.figure.value is not None]
    assert rows
    assert sum(line.startswith("| ") and line.count("|") == 8 for line in text.splitlines()) >= len(rows)


def test_a_result_that_is_not_complete_is_refused(evidence: Any, tmp_path: Path) -> None:
    with pytest.raises(OverpaintError, match="not complete"):
        evidence.kept(result(tmp_path).model_copy(update={"complete": False}))
