"""What is said on the command line of every suite of published files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from overpaint.bench.results import Row
from overpaint.bench.suites.published import beside
from overpaint.bench.suites.suite import Findings, Rows
from overpaint.plan import Edit, Plan

__all__ = ["Asked", "compared"]


@dataclass(frozen=True)
class Asked:
    """Which model and method, and how much of the protocol.

    Attributes:
        data: the folder or file of the authors' release.
        method: None judges the patch that the bench is given.
        edits: numbers of edits; empty: the protocol's.
        limit: rows of each table, from the start; None is all of them.
        seed: of what the protocol does not fix.
    """

    data: Path
    model: str
    method: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    edits: tuple[int, ...] = ()
    limit: int | None = None
    seed: int = 0

    @property
    def name(self) -> str:
        """What cases' names begin with."""
        return self.method or "patch"

    def plans(self, edits: Iterable[Edit], seed: int | None = None) -> tuple[Plan, ...]:
        """One plan of these edits; none if a patch is judged."""
        if self.method is None:
            return ()
        return (
            Plan(
                model=self.model,
                method=self.method,
                settings=dict(self.settings),
                edits=tuple(edits),
                seed=self.seed if seed is None else seed,
            ),
        )

    def described(self, **more: Any) -> dict[str, Any]:
        """For the result file; without the folder, which differs from machine to machine."""
        return {
            "method": self.method,
            "method settings": dict(self.settings),
            "limit": self.limit,
            "seed": self.seed,
        } | more


def compared(suite: str, rows: Callable[[Findings], Iterable[Row]], edits: int | None, part: str = "") -> Rows:
    """The same rows with the published figures beside them."""
    return lambda found: beside(suite, rows(found), edits, part)
