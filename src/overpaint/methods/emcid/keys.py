"""Prompts with the positions that EMCID reads and writes: the last token of each concept in each of its templates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.backbone.subject import Subject
from overpaint.backbone.text import TextEncoder
from overpaint.linear.precision import exact

__all__ = ["Prompts", "aligned_tail", "average", "locate"]


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

    def at_last(self, states: Tensor) -> Tensor:
        """States (p, >= last, d) at each prompt's last concept token (p, d)."""
        return states[torch.arange(len(states), device=states.device), self.last]

    def chunks(self, size: int) -> Iterator[slice]:
        """The prompts in slices of ``size`` at most."""
        return (slice(i, min(i + size, len(self))) for i in range(0, len(self), size))


def locate(text: TextEncoder, concepts: Sequence[tuple[Sequence[str], str]]) -> Prompts:
    """Prompts of concepts, each given as (templates with one ``{}``, phrase); BackboneError where one does not fit."""
    found: list[Subject] = []
    owner: list[int] = []
    for index, (templates, phrase) in enumerate(concepts):
        found += [text.locate(template, phrase) for template in templates]
        owner += [index] * len(templates)
    ids = text.tokenize([f.prompt for f in found])
    start, last, end, owners = (
        torch.tensor(values, dtype=torch.long, device=ids.device)
        for values in ([f.start for f in found], [f.last for f in found], [f.end for f in found], owner)
    )
    return Prompts(ids, start, last, end, owners, len(concepts))


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
