"""How many updates a run of several concepts makes."""

from __future__ import annotations

__all__ = ["updates_of"]


def updates_of(concepts: int, steps: int, further: int | None) -> int:
    """``steps`` for one concept and ``further`` for each one more; None: as many for each."""
    return steps + (steps if further is None else further) * (concepts - 1)
