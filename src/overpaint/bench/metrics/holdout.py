"""What became of concepts that nobody asked to change.

ICEB's Holdout Delta (EMCID, arXiv 2403.13807): after - before of mean P(true). Relative to before it is comparable
between models: -1 is a model that draws none of them any more. The same figure of nearest neighbours is their damage.
"""

from __future__ import annotations

from overpaint.bench.results import Figure, Row
from overpaint.bench.scores import change, mean
from overpaint.bench.sheet import Sheet

__all__ = ["TRUE", "holdout_change", "holdout_delta", "relative"]

TRUE = 0
"""Which of a hold-out's labels is its own name."""


def holdout_delta(sheet: Sheet, group: str, judge: str) -> Row:
    """Change of P(true), over concepts: ICEB's Holdout Delta."""
    delta = sheet.column(group, "after", TRUE) - sheet.column(group, "before", TRUE)
    return Row(metric="hold-out delta", group=group, figure=Figure.of(mean(delta)), better="zero", judge=judge)


def holdout_change(sheet: Sheet, group: str, judge: str, bar: float | None = None) -> Row:
    """Relative change of mean P(true), what verdicts rest on."""
    return relative("hold-out change", sheet, group, judge, bar)


def relative(metric: str, sheet: Sheet, group: str, judge: str, bar: float | None = None, label: int = TRUE) -> Row:
    """Relative change of the mean score of a label, over units."""
    after, before = sheet.column(group, "after", label), sheet.column(group, "before", label)
    figure = Figure.of(change(after, before))
    return Row(metric=metric, group=group, figure=figure, better="zero", unit="relative", judge=judge, bar=bar)
