"""Second moments of feed-forward keys over captions: what Stage II must not disturb (EMCID, section 3.3; MEMIT's C).

The published statistic takes the tokens of a caption, begin and end included. The denoiser reads the padding too,
unmasked, so ours counts it as well. Both are gathered apart, in one pass for all blocks. Padding tokens are many and
nearly alike: those of every fourth caption are taken, and count four times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.backbone.text import TextEncoder
from overpaint.linear.moments import SecondMoment

__all__ = ["EVERY", "KeyMoments", "from_triangle", "key_moments", "pack", "triangle", "unpack"]

EVERY = 4
"""Of so many captions one brings its padding."""


@dataclass(frozen=True)
class KeyMoments:
    """Second moments of one block's keys, of the captions' own tokens and of the padding behind them."""

    caption: SecondMoment
    padding: SecondMoment

    def mean(self, padding: float) -> Tensor:
        """C (key_width, key_width), a padding token counting ``padding`` times a caption token."""
        return (self.caption + self.padding * padding).mean if padding else self.caption.mean


@torch.no_grad()
def key_moments(
    text: TextEncoder,
    captions: Sequence[str],
    blocks: Sequence[int],
    padding: bool = True,
    chunk: int = 256,
    advance: Callable[..., None] | None = None,
) -> dict[int, KeyMoments]:
    """Second moments of the keys of ``blocks`` over captions, in one pass through the encoder.

    Where no padding is wanted prompts are cut to their longest neighbour, which is much faster in a window of 77 and
    gives the same sums where attention is causal and no caption token reads padding. Elsewhere nothing is cut.

    Raises ValueError if there are no captions.
    """
    if not captions:
        raise ValueError("second moments need at least one caption")
    blocks = sorted(blocks)
    empty = SecondMoment.empty(text.key_width, text.device)
    caption, behind = {b: empty for b in blocks}, {b: empty for b in blocks}
    order = sorted(range(len(captions)), key=lambda i: (len(captions[i]), captions[i]))
    if text.causal:
        padded, cut = (order[::EVERY], [i for k, i in enumerate(order) if k % EVERY]) if padding else ([], order)
    else:
        padded, cut = order, []
    parts = [(True, padded[i : i + chunk]) for i in range(0, len(padded), chunk)]
    parts += [(False, cut[i : i + chunk]) for i in range(0, len(cut), chunk)]
    for whole, rows in parts:
        ids = text.tokenize([captions[i] for i in rows])
        ends = text.end_positions(ids).to(ids.device)
        length = ids.shape[1] if whole else int(ends.max()) + 1
        inside = torch.arange(length, device=ids.device) <= ends[:, None]
        run = text.way(ids[:, :length])
        states = run(text.embed(ids[:, :length]), 0, blocks[0])
        for i, block in enumerate(blocks):
            states, keys, _ = text.block_with_mlp(states, block, run)
            caption[block] += SecondMoment.of(keys[inside])
            if whole and padding:
                behind[block] += SecondMoment.of(keys[~inside]) * len(order) * (1 / len(padded))
            if block != blocks[-1]:
                states = run(states, block + 1, blocks[i + 1])
        if advance is not None:
            advance(len(ids))
    return {b: KeyMoments(caption[b], behind[b]) for b in blocks}


def pack(moments: KeyMoments) -> dict[str, Tensor]:
    """Named tensors for a store: upper triangles (half the bytes, nothing lost) and counts."""
    packed: dict[str, Tensor] = {}
    for name, moment in (("caption", moments.caption), ("padding", moments.padding)):
        packed[f"{name}.count"] = torch.tensor(moment.count, dtype=torch.float64)
        if moment.count:
            packed[f"{name}.total"] = triangle(moment.total)
    return packed


def unpack(packed: dict[str, Tensor], width: int, device: torch.device | str | None = None) -> KeyMoments:
    """Inverse of `pack` for keys of ``width``."""
    parts = []
    for name in ("caption", "padding"):
        total = torch.zeros(width, width, dtype=torch.float64)
        if (known := packed.get(f"{name}.total")) is not None:
            upper = from_triangle(known, width)
            total = upper + upper.triu(1).mT
        parts.append(SecondMoment(total.to(device), float(packed[f"{name}.count"])))
    return KeyMoments(parts[0], parts[1])


def triangle(matrix: Tensor) -> Tensor:
    """The upper triangle of a matrix (d, d) as numbers (d (d + 1) / 2,), row by row, on the CPU."""
    rows, columns = torch.triu_indices(*matrix.shape)
    return matrix.cpu()[rows, columns]


def from_triangle(numbers: Tensor, width: int, device: torch.device | str | None = None) -> Tensor:
    """Inverse of `triangle` for upper triangular matrices (width, width)."""
    rows, columns = torch.triu_indices(width, width)
    upper = numbers.new_zeros(width, width)
    upper[rows, columns] = numbers
    return upper.to(device)
