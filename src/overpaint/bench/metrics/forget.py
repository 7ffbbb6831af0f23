"""Is the source still drawn? Read it with the hold-outs: a destroyed model forgets everything.

ICEB's Source Forget (EMCID, arXiv 2403.13807): before - after of mean P(source) on pictures asked for by its name.
"""

from __future__ import annotations

from overpaint.bench.results import Figure, Row
from overpaint.bench.scores import mean
from overpaint.bench.sheet import Sheet

__all__ = ["SOURCE", "source_forget", "source_left"]

SOURCE = 0
"""Which of a probe's labels is the source."""


def source_forget(sheet: Sheet, group: str, judge: str) -> Row:
    """Loss of P(source), over edits."""
    lost = sheet.column(group, "before", SOURCE) - sheet.column(group, "after", SOURCE)
    return Row(metric="source forget", group=group, figure=Figure.of(mean(lost)), better="higher", judge=judge)


def source_left(sheet: Sheet, group: str, judge: str) -> Row:
    """P(source) that remains, over edits."""
    left = sheet.column(group, "after", SOURCE)
    return Row(metric="P(source) left", group=group, figure=Figure.of(mean(left)), better="lower", judge=judge)
