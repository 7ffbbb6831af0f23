"""Prompts with the positions that EMCID reads and writes: the last token of each concept in each of its templates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from overpaint.backbone.subject import Subject
from overpaint.backbone.text import TextEncoder
from overpaint.linear.precision import exact

__all__ = ["Prompts", "aligned_around", "aligned_tail", "average", "locate", "located"]


@dataclass(frozen=True)
class Prompts:
    """Tokenised prompts, several for each concept.

    Attributes:
        ids: token ids (p, window).
        last: position (p,) of the concept's last token.
        start: position (p,) of its first token.
        end: position (p,) of the end token.
        owner: index (p,) of the concept that the prompt is about, in rising order.
        concepts: number of concepts.
    """

    ids: Tensor
    start: Tensor
    last: Tensor
    end: Tensor
    owner: Tensor
    concepts: int

    def __len__(self) -> int:
        """Number of prompts."""
        return len(self.ids)

    @property
    def places(self) -> list[tuple[int, int, int]]:
        """First and last token of the phrase and the end token of each prompt."""
        return list(zip(self.start.tolist(), self.last.tolist(), self.end.tolist(), strict=True))

    def at_last(self, states: Tensor) -> Tensor:
        """States (p, >= last, d) at each prompt's last concept token (p, d)."""
        return states[torch.arange(len(states), device=states.device), self.last]

    def joined(self, other: Prompts) -> Prompts:
        """With another's prompts and concepts behind one's own."""
        ids, start, last, end = (
            torch.cat([getattr(self, name), getattr(other, name)]) for name in ("ids", "start", "last", "end")
        )
        owner = torch.cat([self.owner, other.owner + self.concepts])
        return Prompts(ids, start, last, end, owner, self.concepts + other.concepts)

    def chunks(self, size: int) -> Iterator[slice]:
        """The prompts in slices of ``size`` at most."""
        return (slice(i, min(i + size, len(self))) for i in range(0, len(self), size))


def locate(
    text: TextEncoder, concepts: Sequence[tuple[Sequence[str], str]], early: Sequence[int] | None = None
) -> Prompts:
    """Prompts of concepts, each given as (templates with one ``{}``, phrase); BackboneError where one does not fit.

    ``early``: of each, how many of its last tokens are left out.
    """
    found: list[Subject] = []
    owner: list[int] = []
    for index, ((templates, phrase), less) in enumerate(zip(concepts, early or [0] * len(concepts), strict=True)):
        found += [text.locate(template, phrase).shortened(less) for template in templates]
        owner += [index] * len(templates)
    return replace(located(text, found, owner), concepts=len(concepts))


def located(text: TextEncoder, found: Sequence[Subject], owner: Sequence[int]) -> Prompts:
    """Prompts whose phrases have been found, with the concept that each is about."""
    ids = text.tokenize([f.prompt for f in found])
    start, last, end, owners = (
        torch.tensor(values, dtype=torch.long, device=ids.device)
        for values in ([f.start for f in found], [f.last for f in found], [f.end for f in found], owner)
    )
    return Prompts(ids, start, last, end, owners, max(owner, default=-1) + 1)


def average(values: Tensor, owner: Tensor, concepts: int) -> Tensor:
    """Mean over each concept's prompts: (p, d) to (concepts, d), float64."""
    every = exact(values)
    owner = owner.to(every.device)
    total = every.new_zeros(concepts, every.shape[1]).index_add_(0, owner, every)
    return total / torch.bincount(owner, minlength=concepts)[:, None]


def aligned_tail(
    source_end: int, destination_end: int, source_length: int, destination_length: int
) -> tuple[range, range]:
    """Positions of end token and padding in two rows, aligned at their own ends, as many as both have."""
    length = min(source_length - source_end, destination_length - destination_end)
    return range(source_end, source_end + length), range(destination_end, destination_end + length)


def aligned_around(
    begin: int, source: tuple[int, int, int], destination: tuple[int, int, int]
) -> list[tuple[int, int]]:
    """Positions of the words before and behind a phrase in two prompts of one template: pairs of the same words.

    Each prompt is given as the phrase's first and last token and the end token; ``begin`` tokens precede both. Words
    behind the phrase are counted from the end: where they melt with it into one token, fewer are left.
    """
    before = min(source[0], destination[0])
    behind = min(source[2] - source[1], destination[2] - destination[1]) - 1
    pairs = [(i, i) for i in range(begin, before)]
    return pairs + [(source[2] - k, destination[2] - k) for k in range(behind, 0, -1)]
