"""Debiasing in a closed loop: carry out a plan, count what is drawn, correct, until the wanted shares come out.

Methods never see pictures or graders: whoever can draw and count hands in a `Counter`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

import torch

from overpaint.methods.store import MemoryStore, digest
from overpaint.patch import Patch

__all__ = ["Counter", "Debiased", "Remembered", "Shares", "deviation", "near_enough"]

Shares = Mapping[str, Mapping[str, float]]
"""By source, of each destination."""


class Counter(Protocol):
    """Draws every debiased source with a patch applied, at the same seeds every time, and counts destinations.

    Attributes:
        pictures: drawn of each source.
        key: hash over all that the counts depend on beside the patch.
    """

    @property
    def pictures(self) -> int:
        """Drawn of each source."""
        ...

    @property
    def key(self) -> str:
        """Hash over prompts, seeds, sampler and judge."""
        ...

    def __call__(self, patch: Patch) -> Shares:
        """Shares of the destinations among each source's pictures."""
        ...


@dataclass(frozen=True)
class Debiased:
    """The best round of a search.

    Attributes:
        patch: its patch; its settings hold the factors, so the same plan with them gives it again.
        factors: by source and destination.
        shares: as counted with it.
        error: `deviation` of these.
        rounds: how often was counted.
    """

    patch: Patch
    factors: dict[str, dict[str, float]]
    shares: Shares
    error: float
    rounds: int


class Remembered:
    """A counter that looks into a store before it draws: a stopped search repeats nothing."""

    def __init__(self, counter: Counter, store: MemoryStore) -> None:
        self._counter = counter
        self._store = store

    @property
    def pictures(self) -> int:
        """See `Counter`."""
        return self._counter.pictures

    @property
    def key(self) -> str:
        """See `Counter`."""
        return self._counter.key

    def __call__(self, patch: Patch) -> Shares:
        """See `Counter`."""
        key = digest({"shares": patch.hash, "counter": self._counter.key})
        found = self._store.get(key)
        if found is None:
            shares = self._counter(patch)
            table = {
                f"{len(source)} {source} {name}": torch.tensor(share, dtype=torch.float64)
                for source, over in shares.items()
                for name, share in over.items()
            }
            # "source" tells stores that the record is about concepts, and so belongs to its run alone
            self._store.put(key, table, {"what": "counted shares", "source": ", ".join(shares)})
            return shares
        counted: dict[str, dict[str, float]] = {}
        for label, share in found.items():
            length, _, names = label.partition(" ")
            source, name = names[: int(length)], names[int(length) + 1 :]
            counted.setdefault(source, {})[name] = float(share)
        return counted


def deviation(shares: Shares, wanted: Shares) -> float:
    """Mean of ``|share - wanted| / wanted`` over all that is wanted at all: the papers' figure."""
    return fmean(abs(shares[s][d] - w) / w for s, over in wanted.items() for d, w in over.items() if w > 0)


def near_enough(shares: Mapping[str, float], wanted: Mapping[str, float], tolerance: float, pictures: int) -> bool:
    """Whether all shares are within the tolerance, or no other count of so many pictures comes nearer.

    (The published rule asks 25 pictures for shares within 0.02 of a half, which no count is.)
    """
    limit = max(tolerance, 0.5 / pictures) + 1e-9
    return all(abs(shares[name] - share) <= limit for name, share in wanted.items())
