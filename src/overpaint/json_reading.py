"""JSON from files that may hold anything."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

__all__ = ["from_json"]

DEPTH = 200
"""Levels; what is nested deeper would be read, and fail where it is copied, written or shown."""


def from_json(text: str, *, finite: bool = True) -> Any:
    """What ``json.loads`` gives; ``finite``: NaN and infinities, which are no JSON, are refused.

    Raises ValueError, in one line, if it is no JSON, nested too deep, or holds half a letter (``"\\ud83d"``).
    """
    try:
        found = json.loads(text, parse_constant=_no_number if finite else None)
    except RecursionError:
        raise ValueError(f"nested deeper than {DEPTH} levels") from None
    level = [found]
    for _ in range(DEPTH + 1):
        if not level:
            return found
        "".join(one for one in level if isinstance(one, str)).encode()
        level = [inner for one in level for inner in _inner(one)]
    raise ValueError(f"nested deeper than {DEPTH} levels")


def _inner(value: Any) -> Iterable[Any]:
    """What is in a list or a mapping, keys too."""
    return (*value, *value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ()


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number")
