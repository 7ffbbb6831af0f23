"""How often the label that should win does, of a picture's two: RoAD's and TIMED's efficacy, generality, specificity.

(Orgad et al., arXiv 2303.08084; Arad et al., arXiv 2306.00738.)
"""

from __future__ import annotations

import numpy as np

from overpaint.bench.results import Figure, Row
from overpaint.bench.scores import harmonic, mean
from overpaint.bench.sheet import Array, Sheet, When

__all__ = ["f1", "win_rate"]


def win_rate(sheet: Sheet, group: str, judge: str, metric: str, when: When = "after", margin: float = 0.0) -> Row:
    """Share of pictures whose first label scores more than the second by ``margin``, over units."""
    figure = Figure.of(mean(_wins(sheet, group, when, margin)))
    return Row(metric=metric, group=group, figure=figure, better="higher", unit="share", judge=judge)


def f1(sheet: Sheet, generality: str, specificity: str, judge: str) -> Row:
    """Harmonic mean of the win rates of two groups that ask about the same units."""
    units = sheet.units(generality)
    first, second = (_wins(sheet, group, "after", 0.0, units) for group in (generality, specificity))
    return Row(metric="F1", figure=Figure.of(harmonic(first, second)), better="higher", unit="share", judge=judge)


def _wins(sheet: Sheet, group: str, when: When, margin: float, units: tuple[str, ...] | None = None) -> Array:
    """Share of won pictures ``(units,)``; NaN for a unit without any."""
    found: dict[str, list[float]] = {}
    for pair in sheet.group(group):
        scores = getattr(pair, when)
        won = np.nan if not scores or np.isnan(scores[:2]).any() else float(scores[0] - scores[1] > margin)
        found.setdefault(pair.probe.unit, []).append(won)
    wanted = sheet.units(group) if units is None else units
    return np.array([np.mean(found[unit]) if unit in found else np.nan for unit in wanted], dtype=np.float64)
