"""Token states and what they are to be read as."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.backbone.reading import Reader
from overpaint.methods.closed_form.aims import Aim
from overpaint.methods.closed_form.config import Tokens
from overpaint.methods.closed_form.states import read_states
from overpaint.methods.closed_form.tokens import destination_of, links
from overpaint.progress import Advance

__all__ = ["Pairs", "condensed", "pairs_of"]

PROMPTS = 128
"""Prompts encoded together, about."""


@dataclass(frozen=True)
class Pairs:
    """Asked for is ``T k_i = t_i``.

    Attributes:
        keys: K (d, n), float64.
        targets: G (d, n).
    """

    keys: Tensor
    targets: Tensor

    @property
    def residual(self) -> Tensor:
        """``G - K`` (d, n)."""
        return self.targets - self.keys

    @classmethod
    def join(cls, parts: Sequence[Pairs]) -> Pairs:
        """All pairs together."""
        return cls(torch.cat([part.keys for part in parts], dim=1), torch.cat([part.targets for part in parts], dim=1))

    def scaled(self, weight: float) -> Pairs:
        """Every pair counting ``weight`` times."""
        return Pairs(self.keys * weight**0.5, self.targets * weight**0.5)

    def condensed(self) -> Pairs:
        """At most d pairs that ask for the same: ``K K^T`` and ``G K^T`` are equal, and nothing else enters a solve."""
        if self.keys.shape[1] <= len(self.keys):
            return self
        q, r = torch.linalg.qr(self.keys.mT)
        keys = r.mT.contiguous()
        # G Q, written so that what is asked to stay as it is does so to the last bit
        return Pairs(keys, keys + self.residual @ q)


def condensed(columns: Tensor) -> Tensor:
    """At most d columns with the same ``P P^T`` as those of P (d, m)."""
    return columns if columns.shape[1] <= len(columns) else torch.linalg.qr(columns.mT).R.mT.contiguous()


def pairs_of(reader: Reader, aims: Sequence[Aim], tokens: Tokens, advance: Advance | None = None) -> Pairs:
    """The pairs of all aims, condensed as they come so that a thousand concepts' padding fits into memory.

    Raises ValueError if there are no aims.
    """
    found: Pairs | None = None
    for group in _groups(aims):
        part = _gather(reader, group, tokens)
        both = part if found is None else Pairs.join([found, part])
        found = both if both.keys.shape[1] < 4 * len(both.keys) else both.condensed()
        if advance is not None:
            advance(len(group))
    if found is None:
        raise ValueError("pairs of no aims")
    return found.condensed()


def _groups(aims: Sequence[Aim]) -> Iterator[list[Aim]]:
    group: list[Aim] = []
    size = 0
    for aim in aims:
        group.append(aim)
        size += len(aim.templates) * (1 + len(aim.parts))
        if size >= PROMPTS:
            yield group
            group, size = [], 0
    if group:
        yield group


def _gather(reader: Reader, aims: Sequence[Aim], tokens: Tokens) -> Pairs:
    rows: dict[str, int] = {}
    keys: list[tuple[int, int]] = []
    terms: list[tuple[int, float, int, int]] = []
    for aim in aims:
        for template in aim.templates:
            source = reader.locate(template, aim.source)
            others = [destination_of(reader, template, phrase, tokens, source) for phrase, _ in aim.parts]
            row, *other_rows = (rows.setdefault(s.prompt, len(rows)) for s in (source, *others))
            ids = reader.tokenize([s.prompt for s in (source, *others)]).tolist()
            pairs = zip(others, ids[1:], strict=True)
            linked = [links(source, other, reader.window, tokens, (ids[0], own)) for other, own in pairs]
            for position in sorted(set(linked[0]).intersection(*linked[1:])):
                if aim.keep:
                    terms.append((len(keys), aim.keep, row, position))
                for (_, factor), other, link in zip(aim.parts, other_rows, linked, strict=True):
                    terms.append((len(keys), factor, other, link[position]))
                keys.append((row, position))
    length = 1 + max(position for _, position in [*keys, *((r, p) for _, _, r, p in terms)])
    states = read_states(reader, list(rows), length)
    row, position = (torch.tensor(column, device=states.device) for column in zip(*keys, strict=True))
    own = states[row, position]
    pair, factor, row, position = (torch.tensor(column, device=states.device) for column in zip(*terms, strict=True))
    targets = torch.zeros_like(own).index_add(0, pair, states[row, position] * factor.to(states)[:, None])
    return Pairs(own.mT.contiguous(), targets.mT.contiguous())
