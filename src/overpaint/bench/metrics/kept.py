"""Is what the prompt says beside the edited concept still drawn: the style, the background?"""

from __future__ import annotations

from overpaint.bench.metrics.holdout import relative
from overpaint.bench.results import Row
from overpaint.bench.sheet import Sheet

__all__ = ["background_kept", "style_kept"]

STYLE, BACKGROUND = 2, 3
"""Which of the labels of a probe (source, destination, style, background) they are."""


def style_kept(sheet: Sheet, group: str, judge: str) -> Row:
    """Relative change of the mean P(style named), over edits."""
    return relative("style kept", sheet, group, judge, label=STYLE)


def background_kept(sheet: Sheet, group: str, judge: str) -> Row:
    """Relative change of the mean P(background named), over edits."""
    return relative("background kept", sheet, group, judge, label=BACKGROUND)
