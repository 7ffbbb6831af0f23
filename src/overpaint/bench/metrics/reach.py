"""Is the destination drawn where the source is asked for?

ICEB's Source2Dest and Alias2Dest (EMCID, arXiv 2403.13807): after - before of mean P(destination). And the share of
what the unedited model reaches when asked for the destination by its own name: no edit can be expected to do better.
"""

from __future__ import annotations

from overpaint.bench.results import Figure, Row
from overpaint.bench.scores import mean, ratio
from overpaint.bench.sheet import Sheet

__all__ = ["DESTINATION", "ceiling", "destination_drawn", "destination_share", "source_to_destination"]

DESTINATION = 1
"""Which of a probe's labels is the (first) destination."""
_CEILING = "ceiling: "


def ceiling(group: str) -> str:
    """The group of destinations asked for by their own names, drawn with the unedited model at `group`'s seeds."""
    return _CEILING + group


def source_to_destination(sheet: Sheet, group: str, judge: str, metric: str = "source-to-destination") -> Row:
    """Gain of P(destination), over edits; on aliases of the source it is called alias-to-destination."""
    gained = sheet.column(group, "after", DESTINATION) - sheet.column(group, "before", DESTINATION)
    return Row(metric=metric, group=group, figure=Figure.of(mean(gained)), better="higher", judge=judge)


def destination_drawn(sheet: Sheet, group: str, judge: str) -> list[Row]:
    """P(destination) after, and the ceiling C that it is compared with. Over edits."""
    best = sheet.column(ceiling(group), "before", 0, sheet.units(group))
    reached = sheet.column(group, "after", DESTINATION)
    return [
        Row(metric="P(destination)", group=group, figure=Figure.of(mean(reached)), better="higher", judge=judge),
        Row(metric="ceiling C", group=group, figure=Figure.of(mean(best)), judge=judge),
    ]


def destination_share(sheet: Sheet, group: str, judge: str, bar: float | None = None) -> Row:
    """P(destination) after, divided by the ceiling: 1 is as good as the model can draw it. Over edits."""
    units = sheet.units(group)
    reached = sheet.column(group, "after", DESTINATION)
    best = sheet.column(ceiling(group), "before", 0, units)
    return Row(
        metric="P(destination) / C",
        group=group,
        figure=Figure.of(ratio(reached, best)),
        better="higher",
        unit="ratio",
        judge=judge,
        bar=bar,
    )
