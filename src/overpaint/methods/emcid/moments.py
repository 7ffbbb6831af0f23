"""Second moments of feed-forward keys over captions: what Stage II must not disturb (EMCID, section 3.3; MEMIT's C).

The published statistic takes the tokens of a caption, begin and end included. The denoiser reads the padding too,
unmasked, so ours counts it as well. Both are gathered apart, in one pass for all blocks. Padding tokens are many and
nearly alike: those of every fourth caption are taken, and count four times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.backbone.forest import TOKENS, Grove, plant
from overpaint.backbone.text import TextEncoder
from overpaint.linear.moments import Gathering, Triangle
from overpaint.progress import Advance

__all__ = ["EVERY", "KeyMoments", "key_moments", "pack", "unpack"]

EVERY = 4
"""Of so many captions one brings its padding."""


@dataclass(frozen=True)
class KeyMoments:
    """Second moments of one block's keys, of the captions' own tokens and of the padding behind them."""

    caption: Triangle
    padding: Triangle

    def mean(self, padding: float) -> Tensor:
        """C (key_width, key_width), a padding token counting ``padding`` times a caption token."""
        return (self.caption + self.padding * padding).mean if padding else self.caption.mean


@torch.no_grad()
def key_moments(
    text: TextEncoder,
    captions: Sequence[str],
    blocks: Sequence[int],
    padding: bool = True,
    chunk: int = 4 * TOKENS,
    advance: Advance | None = None,
) -> dict[int, KeyMoments]:
    """Second moments of the keys of ``blocks`` over captions, in one pass through the encoder.

    Tokens that captions share from their beginning on are computed once, and count as often as they occur; padding is
    computed for none but the captions that bring it (where attention runs both ways, for all).

    Args:
        padding: whether padding is counted at all.
        chunk: tokens in one forward pass; changes memory, and results by rounding alone.

    Raises:
        ValueError: there are no captions.
    """
    if not captions:
        raise ValueError("second moments need at least one caption")
    blocks = sorted(blocks)
    captions = sorted(captions, key=lambda caption: (len(caption), caption))  # the sample has all lengths
    ids = text.tokenize(captions)
    place, end = torch.arange(ids.shape[1]), text.end_positions(ids).cpu()[:, None]
    every = EVERY if text.causal else 1
    own = (place <= end).nonzero()
    behind = (place > end)[::every].nonzero() * torch.tensor([every, 1])
    row, position = torch.cat([own, behind] if padding else [own]).unbind(dim=1)
    brought = len(captions) / len(range(0, len(captions), every))
    found = {block: _Parts(text, len(own), brought) for block in blocks}
    for grove in plant(text, ids, row, position, chunk):
        states, reached = grove.states, 0
        for block in blocks:
            states, keys, _ = text.block_with_mlp(grove.run(states, reached, block), block, grove.run)
            reached = block + 1
            found[block].add(grove, keys.flatten(0, 1))
        if advance is not None:
            advance(len(row[grove.wanted.cpu()].unique()))
    return {block: found.pop(block).moments for block in blocks}  # each makes room for the next


class _Parts:
    """What is gathered of one block: the first ``own`` wanted tokens are captions', of the others each counts more."""

    def __init__(self, text: TextEncoder, own: int, weight: float) -> None:
        self.caption, self.padding = (Gathering(text.key_width, text.device) for _ in range(2))
        self._own, self._weight = own, weight

    def add(self, grove: Grove, keys: Tensor) -> None:
        """Keys (tokens, key_width) of a grove."""
        own = grove.wanted < self._own
        for gathering, those, weight in ((self.caption, own, 1.0), (self.padding, ~own, self._weight)):
            places, times = grove.place[those].unique(return_counts=True)
            gathering.add(keys[places], times * weight)

    @property
    def moments(self) -> KeyMoments:
        """Of all keys so far."""
        return KeyMoments(self.caption.triangle, self.padding.triangle)


def pack(moments: KeyMoments) -> dict[str, Tensor]:
    """Named tensors for a store."""
    packed: dict[str, Tensor] = {}
    for name, moment in (("caption", moments.caption), ("padding", moments.padding)):
        packed[f"{name}.count"] = torch.tensor(moment.count, dtype=torch.float64)
        if moment.count:
            packed[f"{name}.total"] = moment.numbers
    return packed


def unpack(packed: Mapping[str, Tensor], width: int) -> KeyMoments:
    """Inverse of `pack` for keys of ``width``."""
    none = torch.zeros(1, dtype=torch.float64).expand(width * (width + 1) // 2)
    parts = (
        Triangle(packed.get(f"{name}.total", none), float(packed[f"{name}.count"])) for name in ("caption", "padding")
    )
    return KeyMoments(*parts)
