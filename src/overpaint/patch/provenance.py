"""What patches say about how they were made."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["added", "summands", "well_formed"]


def added(*provenances: Mapping[str, Any]) -> dict[str, Any]:
    """That of a sum of patches. Sums of sums are one sum: a thousand patches added one by one nest nothing."""
    parts = [one["sum"] if set(one) == {"sum"} else [one] for one in provenances]
    return {"sum": [part for several in parts for part in several]}


def summands(provenance: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """That of each patch of a sum, of sums within it too; of any other patch its own."""
    return [one for one in _within(provenance) if "sum" not in one]


def well_formed(provenance: Mapping[str, Any]) -> bool:
    """Whether sums are lists of what patches say, and strengths are finite numbers. A file may say anything."""
    for one in _within(provenance):
        parts, scale = one.get("sum", []), one.get("scale", 1.0)
        if not isinstance(scale, int | float) or not abs(scale) <= sys.float_info.max or not isinstance(parts, list):
            return False
        if not all(isinstance(part, dict) for part in parts):
            return False
    return True


def _within(provenance: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """It and all that it is a sum of, in order; without recursion, as a file may nest sums as deep as it likes."""
    left = [provenance]
    while left:
        one = left.pop()
        yield one
        left.extend(reversed(one.get("sum", [])))
