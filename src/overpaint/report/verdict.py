"""The answer before any figure: is the model whole, and did the edits take?

What the hold-outs say comes first. A model that lost them is called broken here too, whatever the file says and
whatever its edits scored: everything can be forgotten by drawing noise.
"""

from __future__ import annotations

from collections.abc import Iterator

from overpaint.bench.results import Case, Row
from overpaint.bench.verdict import HOLD_OUT_METRICS, verdict
from overpaint.report.card import Verdict
from overpaint.report.metrics import HOLD_OUTS
from overpaint.report.numbers import figure

__all__ = ["judge"]

WORDS = {
    "broken": "Broken",
    "damaged": "Damaged",
    "holds": "What should stay, stayed",
    "unknown": "Not judged",
}


def judge(case: Case) -> Verdict:
    """The verdict on a case, with its reasons."""
    if case.status != "measured":
        return Verdict(case.status, case.status.capitalize(), (case.reason or "no reason was given",))
    held = [row for row in case.rows if _is_of_holdouts(row)]
    level = case.verdict
    if not any(row.figure.value is not None for row in held):
        # a verdict without the figure that it rests on is told, but not as a clean bill
        level = "unknown" if level == "holds" else level
    elif verdict(held, {row.group for row in held}) == "broken":
        level = "broken"
    others = [row for row in case.rows if not _is_of_holdouts(row)]
    reasons = [*_of_holdouts(case, held), *(_of_others(others, held) if level != "broken" else _warning())]
    return Verdict(level, WORDS[level], tuple(reasons))


def _is_of_holdouts(row: Row) -> bool:
    """Suites may have several groups of hold-outs; a general figure counts on the plain ones and on all pictures."""
    first, *others = HOLD_OUT_METRICS
    return row.metric == first or (row.metric in others and row.group in (HOLD_OUTS, ""))


def _of_holdouts(case: Case, held: list[Row]) -> Iterator[str]:
    known = [(row.figure.value, row) for row in held if row.figure.value is not None]
    if not known:
        yield f"No {HOLD_OUTS} were measured, so nobody knows what else changed."
        return
    change, row = min(known, key=lambda one: one[0])
    drawn = [item for item in case.items if item.before and item.after]
    if change == 0 and all(item.before == item.after for item in drawn):
        yield "Nothing changed: every picture is what it was." if drawn else "Nothing changed that was measured."
        return
    moved = "lost" if change < 0 else "gained"
    allowed = "" if row.bar is None else f"; {figure(abs(row.bar), 'part')} may be lost"
    what = "of their probability" if row.metric == HOLD_OUT_METRICS[0] else f"({row.metric})"
    group = row.group or "pictures"
    yield f"{row.figure.count:,} {group} {moved} {figure(abs(change), 'part')} {what}{allowed}."


def _warning() -> Iterator[str]:
    yield "Its other scores mean nothing: a model that draws noise has forgotten everything."


def _of_others(others: list[Row], held: list[Row]) -> Iterator[str]:
    judged = [row for row in others if row.met is not None]
    missed = [row for row in judged if row.met is False]
    if missed:
        names = ", ".join(f"{row.metric}{f' ({row.group})' if row.group else ''}" for row in missed)
        yield f"{len(missed)} of {len(judged)} other bars missed: {names}."
    elif judged:
        yield f"The other bars are met{', too' if any(row.met for row in held) else ''}."
