from __future__ import annotations

import pytest

from overpaint.bench.results import Figure
from overpaint.report.numbers import chance, figure, interval


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.12345, "probability", "0.123"),
        (-0.0123, "relative", "−1.2 %"),
        (0.5, "relative", "+50.0 %"),
        (-0.0001, "relative", "0.0 %"),
        (12.3456, "FID", "12.3"),
        (1532.0, "count", "1,532"),
        (None, "probability", "–"),
    ],
)
def test_figures(value: float | None, unit: str, text: str) -> None:
    assert figure(value, unit) == text


def test_what_is_unknown_is_called_so() -> None:
    assert chance(None) == "unknown"
    assert chance(0.004) == "0.00"


def test_an_interval_names_its_unit_once() -> None:
    assert interval(Figure(value=-0.02, low=-0.03, high=0.01, count=3), "relative") == "−3.0 to +1.0 %"
    assert interval(Figure(value=12.0, count=3), "FID") == ""


def test_one_edit_alone_has_no_interval_and_says_so() -> None:
    assert interval(Figure(value=1.014, low=1.014, high=1.014, count=1), "ratio") == "one only: no interval"
    assert interval(Figure(value=None), "ratio") == ""
