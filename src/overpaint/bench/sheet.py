"""Graded pictures, before beside after: what every metric is a figure of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from overpaint.bench.graders.grader import Grader
from overpaint.bench.pictures import Pictures
from overpaint.bench.probes import Probe
from overpaint.bench.results import Item, Shift
from overpaint.progress import Progress, Silent

__all__ = ["Array", "Pair", "Sheet", "grade"]

Array = np.ndarray[Any, Any]
When = Literal["before", "after"]
BATCH = 64


@dataclass(frozen=True)
class Pair:
    """One probe's two pictures.

    Attributes:
        before, after: the scores of its labels; None where it was not drawn or nobody graded it.
        key_before, key_after: of the pictures.
        more: other numbers, by name.
        found: see `Item`.
    """

    probe: Probe
    key_before: str | None = None
    key_after: str | None = None
    before: tuple[float, ...] | None = None
    after: tuple[float, ...] | None = None
    more: Mapping[str, Shift] = field(default_factory=dict)
    found: Mapping[str, str] = field(default_factory=dict)

    def item(self) -> Item:
        """For the result file."""
        scores = {
            f"P({label})": Shift(before=_at(self.before, i), after=_at(self.after, i))
            for i, label in enumerate(self.probe.labels)
            if label and (self.before or self.after)
        }
        probe = self.probe
        return Item(
            group=probe.group,
            unit=probe.unit,
            subject=probe.subject,
            prompt=probe.prompt,
            seed=probe.seed,
            scores={**scores, **self.more},
            before=self.key_before,
            after=self.key_after,
            found=dict(self.found),
        )


@dataclass(frozen=True)
class Sheet:
    """All pairs of a case."""

    pairs: tuple[Pair, ...]

    def group(self, name: str) -> tuple[Pair, ...]:
        """The pairs of a group of prompts."""
        return self._groups.get(name, ())

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that there are."""
        return tuple(self._groups)

    def units(self, group: str) -> tuple[str, ...]:
        """Whom a group asks about, each once, in the order asked."""
        return tuple(dict.fromkeys(pair.probe.unit for pair in self.group(group)))

    def column(self, group: str, when: When, label: int, units: Sequence[str] | None = None) -> Array:
        """Mean score of one label over each unit's pictures ``(units,)``; NaN where there is none.

        ``units`` are all of the group unless given (those of another group, to compare with).
        """
        found: dict[str, list[float]] = {}
        for pair in self.group(group):
            found.setdefault(pair.probe.unit, []).append(_at(getattr(pair, when), label))
        wanted = self.units(group) if units is None else units
        return np.array([np.mean(found[unit]) if unit in found else math.nan for unit in wanted], dtype=np.float64)

    def both(self, group: str) -> tuple[Pair, ...]:
        """The pairs of a group of which both pictures were drawn."""
        return tuple(pair for pair in self.group(group) if pair.key_before and pair.key_after)

    def items(self) -> tuple[Item, ...]:
        """For the result file."""
        return tuple(pair.item() for pair in self.pairs)

    def __add__(self, other: Sheet) -> Sheet:
        """Both sheets' pairs."""
        return Sheet(self.pairs + other.pairs)

    @cached_property
    def _groups(self) -> Mapping[str, tuple[Pair, ...]]:
        groups: dict[str, list[Pair]] = {}
        for pair in self.pairs:
            groups.setdefault(pair.probe.group, []).append(pair)
        return {name: tuple(pairs) for name, pairs in groups.items()}


def grade(
    pictures: Pictures,
    grader: Grader | None,
    probes: Sequence[Probe],
    keys: Sequence[str],
    progress: Progress | None = None,
) -> list[tuple[float, ...]]:
    """Scores of each probe's labels in its picture; empty without a grader. Each picture and list of labels once."""
    if grader is None:
        return [()] * len(probes)
    asked = list(dict.fromkeys(zip(keys, (probe.labels for probe in probes), strict=True)))
    found: dict[tuple[str, tuple[str, ...]], tuple[float, ...]] = {}
    with (progress or Silent()).task("grading", total=len(asked), unit="image") as advance:
        for part in _batches(asked):
            scores = grader.scores(pictures.read([name for name, _ in part]), [labels for _, labels in part])
            found |= dict(zip(part, (tuple(row) for row in scores.tolist()), strict=True))
            advance(len(part))
    return [found[name, probe.labels] for name, probe in zip(keys, probes, strict=True)]


def _batches(asked: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[list[tuple[str, tuple[str, ...]]]]:
    """Batches with as many labels for each picture."""
    widths: dict[int, list[tuple[str, tuple[str, ...]]]] = {}
    for one in asked:
        widths.setdefault(len(one[1]), []).append(one)
    for group in widths.values():
        yield from (group[start : start + BATCH] for start in range(0, len(group), BATCH))


def _at(scores: Sequence[float] | None, label: int) -> float:
    return math.nan if scores is None or label >= len(scores) else scores[label]
