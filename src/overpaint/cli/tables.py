"""Results as short tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from overpaint.cli.console import plain, table
from overpaint.plan.words import asked

if TYPE_CHECKING:
    from overpaint.bench.report import Report
    from overpaint.bench.scores import Score
    from overpaint.plan import Plan

__all__ = ["figures", "interval", "number", "summary"]

ROWS = 12


def summary(plan: Plan, metrics: Mapping[str, Any] | None, counted: Mapping[str, Any] | None = None) -> Table:
    """What was asked, and the grader's mean probabilities before and after where there are any.

    ``counted``: what a patch's provenance says of ``debias``: shares by source, and of how many pictures. They stand in
    place of probabilities, which come of a picture or two.
    """
    title = f"{len(plan.edits)} edit{'s' * (len(plan.edits) != 1)} of {plan.model} by {plan.method}"
    if metrics is None:
        made = table(title, "asked")
        for edit in plan.edits[:ROWS]:
            made.add_row(plain(asked(edit)))
        if len(plan.edits) > ROWS:
            made.add_row(plain(f"... and {len(plan.edits) - ROWS} more", "dim"))
        return made
    made = table(title, "asked", "P(source)", "P(destination)", "ceiling")
    details = metrics["details"]["edits"]
    edits = {(edit.action, edit.source, edit.within): edit for edit in plan.edits}
    for entry in details[:ROWS]:
        edit, found = edits[entry["action"], entry["source"], entry.get("from")], entry["templates"]
        if edit.over and counted is not None:
            shares = counted["shares"][edit.source]
            reached = [f"{name}: {share:.0%} of {counted['pictures']} pictures" for name, share in shares.items()]
        else:
            reached = [
                (f"{name}: " if edit.over else "") + _pair(pair) for name, pair in found["P(destination)"].items()
            ] or ["-"]
        cells = Text("\n").join(plain(line) for line in reached)
        made.add_row(plain(asked(edit)), _pair(found["P(source)"]), cells, number(found["C"]))
    if len(plan.edits) > min(ROWS, len(details)):
        made.add_section()
        made.add_row(*(plain(cell) for cell in _mean_row(metrics, len(details))))
    values = _values(metrics)
    if "hold-outs: P(true) before" in values:
        before, after = (values[f"hold-outs: P(true) {when}"] for when in ("before", "after"))
        made.add_section()
        made.add_row(plain(f"{before['count']} hold-outs, P(true)"), _arrow(before["value"], after["value"]), "", "")
    return made


def figures(report: Report) -> Table:
    """Every figure with its interval, count and bar."""
    made = table(report.title, "figure", "value", "95 %", "n", "bar", "")
    for line in report.lines:
        score = line.score
        met = {None: plain(""), True: plain("met", "green"), False: plain("missed", "red")}[line.met]
        bar = "" if line.bar is None else f"{'<=' if line.at_most else '>='} {line.bar:g}"
        count = f"{score.count}" + (f" (+{score.missing} unknown)" if score.missing else "")
        made.add_row(plain(line.name), number(score.value), interval(score), count, bar, met)
    return made


def interval(of: Score) -> str:
    """Its ends; of one edit or concept that there is none, nothing if none was taken."""
    from overpaint.bench.scores import ALONE

    if of.interval is None:
        return ALONE if of.count == 1 else ""
    low, high = of.interval
    return f"{number(low)} .. {number(high)}"


def number(value: float | None) -> str:
    """A figure; a dash for what is not there."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"


def _mean_row(metrics: Mapping[str, Any], graded: int) -> tuple[str, str, str, str]:
    values = {name: entry["value"] for name, entry in _values(metrics).items()}
    group = "templates: "
    return (
        f"mean of {graded} of {metrics['settings']['edits in the patch']} edits",
        _arrow(values[f"{group}P(source) before"], values[f"{group}P(source) left"]),
        number(values[f"{group}P(destination)"]),
        number(values[f"{group}ceiling C"]),
    )


def _values(metrics: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {figure["name"]: figure for figure in metrics["figures"]}


def _pair(pair: Mapping[str, float | None]) -> str:
    return _arrow(pair["before"], pair["after"])


def _arrow(before: float | None, after: float | None) -> str:
    return "-" if before is None or after is None else f"{before:.2f} → {after:.2f}"
