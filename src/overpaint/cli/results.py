"""What suites find, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.table import Table

from overpaint.cli.console import plain, table
from overpaint.cli.tables import interval, number

if TYPE_CHECKING:
    from overpaint.bench.results import Result, Row

__all__ = ["cases"]

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
            count = f"{figure.count}" + (f" (+{figure.missing} unknown)" if figure.missing else "")
            name = row.metric + (f" ({row.group})" if row.group else "")
            bar = "" if row.bar is None else f"{'<=' if row.better == 'lower' else '>='} {row.bar:g}"
            spread = interval(figure.score)
            made.add_row(plain(name), plain(number(figure.value), met), spread, count, bar, plain(_published(row)))
        yield made


def _published(row: Row) -> str:
    return ", ".join(f"{figure.method} {figure.value:g}" for figure in row.published)
