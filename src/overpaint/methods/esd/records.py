"""What is drawn is kept in small records as it is made, so that a stopped run loses little and runs share concepts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar

from torch import Tensor

__all__ = ["PART", "Advance", "Records", "parts", "pieces", "recorded"]

Advance = Callable[[int], None]

PART = 64
"""Trajectories of one record, which is what a stopped run may lose."""

About = TypeVar("About", contravariant=True)


class Records(Protocol[About]):
    """Rows that were made before, by what they are about."""

    def get(self, about: About) -> dict[str, Tensor] | None:
        """The rows, or None."""
        ...

    def put(self, about: About, rows: dict[str, Tensor]) -> None:
        """Keep rows."""
        ...


def recorded(
    records: Records[About] | None, about: About, count: int, make: Callable[[], dict[str, Tensor]], advance: Advance
) -> dict[str, Tensor]:
    """Rows from their record, of whose ``count`` trajectories ``advance`` then hears at once; else made and kept."""
    found = None if records is None else records.get(about)
    if found is not None:
        advance(count)
        return found
    made = make()
    if records is not None:
        records.put(about, made)
    return made


def parts(trajectories: int) -> list[range]:
    """Of so many trajectories those of each record, in order."""
    return [range(first, min(first + PART, trajectories)) for first in range(0, trajectories, PART)]


def pieces(counts: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Of prompts with their numbers of trajectories those of each record, in order: whole prompts, at least one."""
    piece: dict[str, int] = {}
    for prompt, count in counts.items():
        if piece and sum(piece.values()) + count > PART:
            yield piece
            piece = {}
        piece[prompt] = count
    if piece:
        yield piece
