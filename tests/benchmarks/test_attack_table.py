"""The table of attacks says how many concepts were got, the unedited model's and the control's first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from overpaint.bench.results import Case, Figure, Result, Row
from overpaint.errors import OverpaintError


@pytest.fixture
def table(script: Callable[[str], Any]) -> Any:
    return script("attack_table")


def share(words: str, attack: str, value: float) -> Row:
    return Row(metric=f"attack success {words}", group=attack, figure=Figure(value=value, low=0, high=1, count=8))


def attacked(method: str, after: float, inverted: float) -> Case:
    rows = (
        share("before", "no attack", 1.0),
        share("after", "no attack", after),
        share("before", "latent inversion", 1.0),
        share("after", "latent inversion", inverted),
        share("of the control", "latent inversion", 0.875),
        Row(metric="hold-out change", group="hold-outs", figure=Figure(value=-0.012, low=-0.1, high=0.1, count=8)),
    )
    return Case(name=f"{method}/attacks/1", task="attacks", method=method, edits=1, rows=rows)


def test_rows_are_the_unedited_model_the_control_and_the_methods(table: Any) -> None:
    skipped = Case(name="b/attacks/1", task="attacks", method="b", status="skipped", reason="needs an anchor")
    results = [
        Result(suite="attacks", title="attacks", cases=cases) for cases in ((attacked("a", 0.125, 0.75),), (skipped,))
    ]
    assert list(table.rows(results)) == [
        ["", "no attack", "latent inversion", "hold-outs"],
        ["unedited", "8 of 8", "8 of 8", "-"],
        ["control", "-", "7 of 8", "-"],
        ["`a`", "1 of 8", "6 of 8", "-1.2 %"],
        ["`b`", "skipped: needs an anchor", "-", "-"],
    ]


def test_without_a_measured_case_there_is_no_table(table: Any) -> None:
    with pytest.raises(OverpaintError, match="no case was measured"):
        list(table.rows([Result(suite="attacks", title="attacks")]))
