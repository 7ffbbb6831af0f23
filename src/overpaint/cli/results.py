"""What suites find and cost, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.table import Table

from overpaint.cli.console import plain, table

if TYPE_CHECKING:
    from overpaint.bench.results import Result, Row
    from overpaint.bench.suites.cost import Cost

__all__ = ["cases", "costs"]

VERDICTS = {"holds": "green", "damaged": "yellow", "broken": "red"}


def cases(result: Result) -> Iterator[Table]:
    """A table of every case, its verdict first."""
    for case in result.cases:
        if case.status != "measured":
            made = table(f"{case.name}: {case.status}", "reason")
            made.add_row(plain(case.reason))
            yield made
            continue
        made = table(f"{case.name}: model {case.verdict}", "figure", "value", "95 %", "n", "bar", "published")
        for row in case.rows:
            figure = row.figure
            met = {None: "", True: "green", False: "red"}[row.met]
            interval = "" if figure.low is None else f"{_number(figure.low)} .. {_number(figure.high)}"
            count = f"{figure.count}" + (f" (+{figure.missing} unknown)" if figure.missing else "")
            name = row.metric + (f" ({row.group})" if row.group else "")
            bar = "" if row.bar is None else f"{'<=' if row.better == 'lower' else '>='} {row.bar:g}"
            made.add_row(plain(name), plain(_number(figure.value), met), interval, count, bar, plain(_published(row)))
        yield made


def costs(found: Cost) -> Table:
    """What is left to do."""
    made = table("what it will cost", "", "")
    hours = "unknown" if found.seconds is None else f"{found.seconds / 3600:,.2f}"
    for name, value in (
        ("cases", f"{found.cases}, of which {found.finished} are finished"),
        ("edits to fit", f"{found.edits} in {found.plans} plans"),
        ("pictures to draw", f"{found.pictures:,} at most"),
        ("denoiser steps", f"{found.steps:,}"),
        ("hours of drawing on this device", hours),
        ("disk", f"{found.disk / 1e6:,.0f} MB"),
    ):
        made.add_row(plain(name), plain(value))
    return made


def _published(row: Row) -> str:
    return ", ".join(f"{figure.method} {figure.value:g}" for figure in row.published)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
