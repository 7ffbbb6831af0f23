"""Figures are held to ESD's bars, those of several at once relaxed by half."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

from overpaint.bench.results import Better, Case, Figure, Row

Script = Callable[[str], ModuleType]


def case(method: str, edits: int, task: str = "erasure") -> Case:
    def row(metric: str, group: str, value: float, better: Better, bar: float | None = None) -> Row:
        figure = Figure(value=value, low=value, high=value, count=9)
        return Row(metric=metric, group=group, figure=figure, better=better, bar=bar)

    rows = (
        row("P(source) left", "templates", 0.06, "lower"),
        row("accuracy after", "templates", 0.2, "lower"),
        row("accuracy, change", "concept", -0.02, "higher"),
        row("hold-out change", "hold-outs", -0.05, "zero", -0.02),
    )
    return Case(name=f"{method}/{task}/{edits}", task=task, method=method, edits=edits, rows=rows, verdict="damaged")


@pytest.mark.parametrize(
    ("method", "edits", "met", "verdict"),
    [
        ("esd-x", 1, (False, None, None, False), "damaged"),
        ("esd-u", 1, (False, None, None, True), "holds"),
        ("esd-x", 10, (True, None, None, False), "damaged"),
        ("esd-u", 10, (True, None, None, True), "holds"),
    ],
)
def test_erasures_are_held_to_what_their_variant_may(
    script: Script, method: str, edits: int, met: tuple[bool | None, ...], verdict: str
) -> None:
    found = script("esd_bars").barred(case(method, edits))
    assert tuple(row.met for row in found.rows) == met
    assert found.verdict == verdict


def test_styles_are_held_to_accuracies(script: Script) -> None:
    found = script("esd_bars").barred(case("esd-u", 1, "style erasure"))
    assert [row.met for row in found.rows] == [None, False, True, None]
