"""Numbers as text: three digits, a true minus sign, per cent for relative changes; a dash for what is not there."""

from __future__ import annotations

from overpaint.bench.results import Figure
from overpaint.bench.scores import ALONE

__all__ = ["chance", "figure", "interval"]

MINUS, NONE = "\N{MINUS SIGN}", "\N{EN DASH}"


def figure(value: float | None, unit: str) -> str:
    """A figure; ``part`` is a fraction as per cent without a sign."""
    if value is None:
        return NONE
    if unit == "relative":
        return f"{_rounded(100 * value, 1, '+')} %"
    if unit == "part":
        return f"{_rounded(100 * value, 1)} %"
    if unit == "change":
        return _rounded(value, 2, "+")
    if unit == "count":
        return f"{value:,.0f}"
    return _rounded(value, 3 if abs(value) < 10 else 1)


def chance(value: float | None) -> str:
    """One picture's score."""
    return "unknown" if value is None else _rounded(value, 2)


def interval(of: Figure, unit: str) -> str:
    """From its low to its high end; of one edit or concept that there is none, nothing if none was taken."""
    ends = of.score.interval
    if ends is None:
        return ALONE if of.count == 1 else ""
    low, high = ends
    return f"{figure(low, unit).removesuffix(' %')} to {figure(high, unit)}"


def _rounded(value: float, digits: int, sign: str = "") -> str:
    text = f"{round(value, digits) + 0.0:{sign},.{digits}f}"  # + 0.0: no negative zero
    if not float(text.replace(",", "")):
        text = text.lstrip("+-")
    return text.replace("-", MINUS)
