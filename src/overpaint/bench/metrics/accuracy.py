"""Is the likeliest class the one that was asked for? For labels that begin with `TOP_1`."""

from __future__ import annotations

from overpaint.bench.results import Figure, Row
from overpaint.bench.scores import mean
from overpaint.bench.sheet import Sheet, When

__all__ = ["accuracy", "accuracy_change"]


def accuracy(
    sheet: Sheet, group: str, judge: str, when: When, label: int, metric: str = "accuracy", bar: float | None = None
) -> Row:
    """Share of pictures whose top-1 is the label's, over units; before it is plain description, after less is good."""
    return Row(
        metric=f"{metric} {when}",
        group=group,
        figure=Figure.of(mean(sheet.column(group, when, label))),
        better="lower" if when == "after" else "none",
        unit="share",
        judge=judge,
        bar=bar,
    )


def accuracy_change(
    sheet: Sheet, group: str, judge: str, label: int, metric: str = "accuracy, change", bar: float | None = None
) -> Row:
    """Change of that share where it should stay, over units."""
    moved = sheet.column(group, "after", label) - sheet.column(group, "before", label)
    figure = Figure.of(mean(moved))
    return Row(metric=metric, group=group, figure=figure, better="zero", unit="share", judge=judge, bar=bar)
