"""Debiasing in a closed loop: carry out a plan, count what is drawn, correct, until the wanted shares come out.

Methods never see pictures or graders: whoever can draw and count hands in a `Counter`. How they correct is their own:
EMCID seeks every source's factors on the same noise, UCE lays curves through counts of new pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

import torch
from pydantic import BaseModel, ConfigDict, Field

from overpaint.errors import PlanError
from overpaint.methods.store import MemoryStore, digest
from overpaint.patch import Patch
from overpaint.plan import Plan

__all__ = ["CountedConfig", "Counter", "Debiased", "Factors", "Remembered", "Shares", "deviation", "shares_of"]

Shares = Mapping[str, Mapping[str, float]]
"""By source, of each destination."""

Factors = dict[str, dict[str, float]]
"""By source, of each destination."""


class CountedConfig(BaseModel):
    """Settings of a search for debiased concepts' shares, where somebody counts; nothing else depends on them.

    count_pictures: of each source. By chance alone a count of 96 is .04 from a half in the mean.
    count_rounds: counts at most.
    tolerance: how near a share has to come.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    count_pictures: int = Field(96, ge=2)
    count_rounds: int = Field(10, ge=1)
    tolerance: float = Field(0.05, ge=0)


class Counter(Protocol):
    """Draws debiased sources with a patch applied and counts destinations.

    Pictures have numbers: the same ones have the same prompts and seeds every time.

    Attributes:
        key: hash over all that the counts depend on beside the patch.
    """

    @property
    def key(self) -> str:
        """Hash over prompts, seeds, sampler and judge."""
        ...

    def __call__(self, patch: Patch, sources: Sequence[str], numbers: range) -> Shares:
        """Shares among each of these sources' pictures of these numbers."""
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
    def key(self) -> str:
        """See `Counter`."""
        return self._counter.key

    def __call__(self, patch: Patch, sources: Sequence[str], numbers: range) -> Shares:
        """See `Counter`."""
        content = {"shares": patch.hash, "counter": self._counter.key, "sources": sorted(sources)}
        key = digest({**content, "numbers": [numbers.start, numbers.stop]})
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


def shares_of(plan: Plan) -> Shares:
    """The wanted shares of all that a plan debiases; PlanError if that is nothing."""
    wanted = {edit.source: edit.over for edit in plan.edits if edit.over is not None}
    if not wanted:
        raise PlanError(f"{plan.at('edits')}: nothing is debiased; write debias: and over: {{phrase: share, ...}}")
    return wanted


def deviation(shares: Shares, wanted: Shares) -> float:
    """Mean of ``|share - wanted| / wanted`` over all that is wanted at all: the papers' figure."""
    return fmean(abs(shares[s][d] - w) / w for s, over in wanted.items() for d, w in over.items() if w > 0)
