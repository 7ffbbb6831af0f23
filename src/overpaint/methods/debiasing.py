"""Debiasing in a closed loop: carry out a plan, count what is drawn, correct, until the wanted shares come out.

Methods never see pictures or graders: whoever can draw and count hands in a `Counter`. They say how factors become a
patch and, source by source, which factors to try next; the loop is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

import torch

from overpaint.errors import PlanError
from overpaint.methods.store import MemoryStore, digest
from overpaint.patch import Patch
from overpaint.plan import Plan

__all__ = [
    "Counter",
    "Debiased",
    "Factors",
    "Remembered",
    "Shares",
    "Walk",
    "balanced",
    "deviation",
    "near_enough",
    "shares_of",
]

Shares = Mapping[str, Mapping[str, float]]
"""By source, of each destination."""

Factors = dict[str, dict[str, float]]
"""By source, of each destination."""

Walk = Generator[tuple[float, ...], tuple[float, ...], None]
"""Gives a source's factors, is sent the shares that were counted with them."""


class Counter(Protocol):
    """Draws debiased sources with a patch applied and counts destinations.

    Pictures have numbers: the same ones have the same prompts and seeds every time.

    Attributes:
        pictures: drawn of each source where nothing else is asked for.
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

    def __call__(self, patch: Patch, sources: Sequence[str], numbers: range | None = None) -> Shares:
        """Shares among each of these sources' pictures of these numbers; None: ``range(pictures)``."""
        ...


@dataclass(frozen=True)
class Debiased:
    """Where a search has ended.

    Attributes:
        patch: its patch; its settings hold the factors, so the same plan with them gives it again.
        factors: by source and destination.
        shares: as counted with it.
        error: `deviation` of these.
        rounds: how often was counted.
        pictures: of each source, that were counted with it.
    """

    patch: Patch
    factors: Factors
    shares: Shares
    error: float
    rounds: int
    pictures: int


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

    def __call__(self, patch: Patch, sources: Sequence[str], numbers: range | None = None) -> Shares:
        """See `Counter`."""
        content = {"shares": patch.hash, "counter": self._counter.key, "sources": sorted(sources)}
        key = digest(content if numbers is None else {**content, "numbers": [numbers.start, numbers.stop]})
        found = self._store.get(key)
        if found is None:
            shares = self._counter(patch, sources, numbers)
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


def balanced(
    fitted: Callable[[Factors], Patch],
    walks: Mapping[str, Walk],
    wanted: Shares,
    counter: Counter,
    tolerance: float,
    rounds: int,
) -> Debiased:
    """Count, and correct the factors of all sources that are not yet near, until all are or ``rounds`` are over.

    Sources are counted in each other's company, as they are in the end (EMCID's release searches each alone, then
    joins them). A source that is near is counted again only when all others are, too, or have no other factors left to
    try. The last round takes of each source the factors that came nearest.

    Args:
        fitted: patch by the factors of all sources.
        walks: which factors to try next, by source.
        tolerance: how near a share has to come.

    Raises:
        ValueError: no round is asked for.
    """
    if rounds < 1:
        raise ValueError("at least one round is needed")

    def distance(source: str) -> float:
        return max(abs(shares[source][name] - share) for name, share in wanted[source].items())

    def far_of(sources: Sequence[str]) -> list[str]:
        far = (s for s in sources if not near_enough(shares[s], wanted[s], tolerance, counter.pictures))
        return [s for s in far if s not in stuck]

    factors = {source: dict(zip(wanted[source], next(steps), strict=True)) for source, steps in walks.items()}
    nearest: dict[str, tuple[float, dict[str, float]]] = {}
    stuck: set[str] = set()
    asked = list(wanted)
    for count in range(1, rounds + 1):
        last = count == rounds
        if last and nearest:
            factors, asked = {source: nearest[source][1] for source in wanted}, list(wanted)
        patch = fitted(factors)
        shares = dict(counter(patch, asked)) if asked else {}
        rest = [source for source in wanted if source not in shares]
        if rest and not far_of(asked):
            shares |= counter(patch, rest)
        for source in shares:
            if source not in nearest or distance(source) < nearest[source][0]:
                nearest[source] = distance(source), factors[source]
        asked = far_of(list(shares))
        if last or not asked:
            break
        tried = {s: walks[s].send(tuple(shares[s][name] for name in wanted[s])) for s in asked}
        moved = {s: dict(zip(wanted[s], values, strict=True)) for s, values in tried.items()}
        stuck |= {s for s, values in moved.items() if values == factors[s]}
        factors, asked = factors | moved, [s for s in asked if s not in stuck]
    return Debiased(patch, factors, shares, deviation(shares, wanted), count, counter.pictures)


def shares_of(plan: Plan) -> Shares:
    """The wanted shares of all that a plan debiases; PlanError if that is nothing."""
    wanted = {edit.source: edit.over for edit in plan.edits if edit.over is not None}
    if not wanted:
        raise PlanError(f"{plan.at('edits')}: nothing is debiased; write debias: and over: {{phrase: share, ...}}")
    return wanted


def deviation(shares: Shares, wanted: Shares) -> float:
    """Mean of ``|share - wanted| / wanted`` over all that is wanted at all: the papers' figure."""
    return fmean(abs(shares[s][d] - w) / w for s, over in wanted.items() for d, w in over.items() if w > 0)


def near_enough(shares: Mapping[str, float], wanted: Mapping[str, float], tolerance: float, pictures: int) -> bool:
    """Whether all shares are within the tolerance, or no other count of so many pictures comes nearer.

    (The published rule asks 25 pictures for shares within 0.02 of a half, which no count is.)
    """
    limit = max(tolerance, 0.5 / pictures) + 1e-9
    return all(abs(shares[name] - share) <= limit for name, share in wanted.items())
