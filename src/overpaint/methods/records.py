"""What is drawn is kept in small records as it is made, so that a stopped run loses little and runs share concepts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from torch import Tensor

from overpaint.methods.store import MemoryStore, digest
from overpaint.progress import Advance

__all__ = ["PART", "Records", "StoredRecords", "parts", "pieces", "recorded"]

PART = 64
"""Pictures of one record, or their trajectories, which is what a stopped run may lose."""

About = TypeVar("About", contravariant=True)


class Records(Protocol[About]):
    """Rows that were made before, by what they are about."""

    def get(self, about: About) -> dict[str, Tensor] | None:
        """The rows, or None."""
        ...

    def put(self, about: About, rows: dict[str, Tensor]) -> None:
        """Keep rows."""
        ...


@dataclass(frozen=True)
class StoredRecords(Generic[About]):
    """Records in a store.

    Attributes:
        content: all that rows depend on, for a key.
        meta: for people; a ``source`` tells stores that the record is about a concept, and so belongs to its run alone.
    """

    store: MemoryStore
    content: Callable[[About], Mapping[str, Any]]
    meta: Callable[[About], dict[str, str]]

    def get(self, about: About) -> dict[str, Tensor] | None:
        """See `Records`."""
        return self.store.get(digest(self.content(about)))

    def put(self, about: About, rows: dict[str, Tensor]) -> None:
        """See `Records`."""
        self.store.put(digest(self.content(about)), rows, self.meta(about))


def recorded(
    records: Records[About] | None, about: About, count: int, make: Callable[[], dict[str, Tensor]], advance: Advance
) -> dict[str, Tensor]:
    """Rows from their record, of whose ``count`` pictures ``advance`` then hears at once; else made and kept."""
    found = None if records is None else records.get(about)
    if found is not None:
        advance(count)
        return found
    made = make()
    if records is not None:
        records.put(about, made)
    return made


def parts(count: int) -> list[range]:
    """Of so many pictures those of each record, in order."""
    return [range(first, min(first + PART, count)) for first in range(0, count, PART)]


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
