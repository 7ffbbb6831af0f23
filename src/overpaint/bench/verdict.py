"""What the hold-outs say of a model as a whole, before any other figure is read.

Everything can be forgotten by drawing noise: a model that lost its hold-outs is broken whatever its edits scored.
"""

from __future__ import annotations

from collections.abc import Iterable

from overpaint.bench.results import Row, Verdict

__all__ = ["BROKEN", "DAMAGED", "HOLD_OUT_METRICS", "verdict"]

BROKEN = -0.5
"""A relative change of the hold-outs from which on a model is broken: -1 is that it draws none of them any more."""
DAMAGED = -0.1
"""From here on it is damaged where the figure has no bar of its own."""

HOLD_OUT_METRICS = ("hold-out change", "CLIP score, relative change above chance")
"""The figures that verdicts rest on, on the hold-outs' group or on all pictures; both end at -1."""


def verdict(rows: Iterable[Row], groups: Iterable[str] = ("hold-outs",)) -> Verdict:
    """The worst that any of these figures says; "unknown" if none was measured."""
    wanted = set(groups)
    found = [
        row for row in rows if row.metric in HOLD_OUT_METRICS and row.group in wanted and row.figure.value is not None
    ]
    changes = [row.figure.value for row in found if row.figure.value is not None]
    if not changes:
        return "unknown"
    if min(changes) <= BROKEN:
        return "broken"
    limits = [DAMAGED if row.bar is None else row.bar for row in found]
    return "damaged" if any(c < limit for c, limit in zip(changes, limits, strict=True)) else "holds"
