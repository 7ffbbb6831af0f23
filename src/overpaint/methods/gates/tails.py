"""Where gates read: the end token of a prompt and the padding behind it, every so often."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.backbone.text import TextEncoder

__all__ = ["Seen", "ahead", "behind", "distances", "look", "thinned"]


ROWS = 128
"""Prompts in one forward pass."""


@dataclass(frozen=True)
class Seen:
    """m tokens at one block.

    Attributes:
        inputs: (m, width) of its feed-forward layer.
        states: (m, width) behind it.
    """

    inputs: Tensor
    states: Tensor


def distances(room: int) -> list[int]:
    """How far behind the end token gates are trained: 0, 1, 2, 4 and so on, and ``room``, the last there is."""
    doubled = [0, *(1 << k for k in range(room.bit_length()))]
    return sorted({*(d for d in doubled if d <= room), room})


@torch.no_grad()
def look(text: TextEncoder, ids: Tensor, row: Tensor, position: Tensor, block: int) -> Seen:
    """What block ``block`` reads and leaves at tokens (m,) of prompts ``ids`` (n, window), where attention is causal.

    Whole rows: padding is read up to the last place, and of that prompts share nothing.
    """
    wanted = [(row // ROWS == part).nonzero()[:, 0] for part in range(-(-len(ids) // ROWS))]
    read: list[Tensor] = []
    handle = text.fc1(block).register_forward_pre_hook(lambda _, args: read.append(args[0]))
    try:
        found = []
        for part, chosen in enumerate(wanted):
            if not len(chosen):
                continue
            rows = ids[part * ROWS : (part + 1) * ROWS, : int(position[chosen].max()) + 1]
            states = text.run(text.run(text.embed(rows), 0, block), block, block + 1)
            at = row[chosen] - part * ROWS, position[chosen]
            found.append((read[-1][at], states[at]))
            read.clear()
    finally:
        handle.remove()
    order = torch.cat(wanted).argsort()
    inputs, states = (torch.cat(column)[order] for column in zip(*found, strict=True))
    return Seen(inputs, states)


def behind(end: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Rows (m,) and distances (m,) behind their end tokens at which they are met."""
    pairs = [(row, far) for row, stop in enumerate(end.tolist()) for far in distances(window - 1 - stop)]
    row, far = torch.tensor(pairs, device=end.device).unbind(dim=1)
    return row, far


def ahead(end: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and positions of all tokens before given ones (n,)."""
    row, position = (torch.arange(int(end.max()), device=end.device) < end[:, None]).nonzero().unbind(dim=1)
    return row, position


def thinned(tokens: tuple[Tensor, Tensor], most: int) -> tuple[Tensor, Tensor]:
    """Every so manieth of tokens, rows (n,) and positions (n,), so that at most so many are left."""
    chosen = torch.linspace(0, len(tokens[0]) - 1, min(most, len(tokens[0]))).round().long()
    return tokens[0][chosen], tokens[1][chosen]
