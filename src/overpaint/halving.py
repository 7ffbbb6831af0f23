"""Work in batches that may turn out too large for the memory there is: halved, and on it goes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import torch

from overpaint.errors import out_of_memory

__all__ = ["halving", "in_batches"]

_log = logging.getLogger(__name__)

Made = TypeVar("Made")


def halving(
    groups: Iterable[list[int]], work: Callable[[list[int]], Made], what: str
) -> Iterator[tuple[list[int], Made]]:
    """Groups with what ``work`` makes of them, in smaller parts from the first one on that does not fit into memory.

    Empty groups are left out. What does not fit one by one raises as it does. ``what`` they are is for the log.
    """
    limit: int | None = None
    for group in groups:
        parts = [group[i : i + (limit or len(group))] for i in range(0, len(group), limit or len(group) or 1)]
        while parts:
            part = parts.pop(0)
            made = _tried(part, work)
            if made is not None:
                yield part, made
                continue
            limit = (len(part) + 1) // 2
            _log.warning("not enough memory for %d %s at once, going on with %d", len(part), what, limit)
            parts[:0] = [part[:limit], part[limit:]]


def in_batches(count: int, size: int, work: Callable[[list[int]], Made], what: str) -> list[Made]:
    """What ``work`` makes of the numbers 0 to ``count``, ``size`` at a time, or fewer where memory does not suffice."""
    groups = (list(range(first, min(first + size, count))) for first in range(0, count, size))
    return [made for _, made in halving(groups, work, what)]


def _tried(part: list[int], work: Callable[[list[int]], Made]) -> Made | None:
    """What ``work`` makes, or None if memory did not suffice; by then all that it held is free again."""
    try:
        return work(part)
    except Exception as error:
        if len(part) == 1 or not out_of_memory(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None
