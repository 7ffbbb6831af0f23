"""The answer before any figure: is the model whole, and did the edits take?

What the suite says of the hold-outs comes first. A model whose hold-outs lost half or more of their probability is
called broken here too, whatever the file says, and whatever its edits scored: everything can be forgotten by drawing
noise.
"""

from __future__ import annotations

from collections.abc import Iterator

from overpaint.bench.results import Case, Row
from overpaint.bench.results import Verdict as Level
from overpaint.report.card import Verdict
from overpaint.report.metrics import HOLD_OUTS, is_holdout_change
from overpaint.report.numbers import figure

__all__ = ["BROKEN", "judge", "level_of"]

BROKEN = -0.5
"""A relative change of the hold-outs from which on a model is broken."""

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
    row = next((row for row in case.rows if is_holdout_change(row)), None)
    level = case.verdict
    if row is None or row.figure.value is None:
        # a verdict without the figure that it rests on is told, but not as a clean bill
        level = "unknown" if level == "holds" else level
    elif level_of(row) == "broken":
        level = "broken"
    return Verdict(level, WORDS[level], tuple(_reasons(case, level, row)))


def level_of(row: Row) -> Level:
    """What the relative change of the hold-outs says by itself: missing its bar is damage."""
    change = row.figure.value
    if change is None:
        return "unknown"
    if change <= BROKEN:
        return "broken"
    return "damaged" if row.met is False else "holds"


def _reasons(case: Case, level: str, row: Row | None) -> Iterator[str]:
    change = None if row is None else row.figure.value
    if row is None or change is None:
        yield f"No {HOLD_OUTS} were measured, so nobody knows what else changed."
    elif change == 0 and all(item.before == item.after for item in case.items):
        yield "Nothing changed: the hold-outs score exactly what they scored before."
    else:
        moved = "lost" if change < 0 else "gained"
        allowed = "" if row.bar is None else f"; {figure(abs(row.bar), 'part')} may be lost"
        yield f"{row.figure.count} {HOLD_OUTS} {moved} {figure(abs(change), 'part')} of their probability{allowed}."
    if level == "broken":
        yield "Its other scores mean nothing: a model that draws noise has forgotten everything."
    missed = [other for other in case.rows if other.met is False and not is_holdout_change(other)]
    judged = [other for other in case.rows if other.met is not None and not is_holdout_change(other)]
    if missed and level != "broken":
        names = ", ".join(f"{other.metric}{f' ({other.group})' if other.group else ''}" for other in missed)
        yield f"{len(missed)} of {len(judged)} other bars missed: {names}."
    elif judged and level != "broken":
        yield "The other bars are met, too." if row is not None and row.met else "The other bars are met."
