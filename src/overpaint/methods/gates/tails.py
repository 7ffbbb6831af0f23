"""Where gates read: the end token of a prompt and the padding behind it, every so often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.backbone.forest import TOKENS, Grove, plant, together
from overpaint.backbone.text import TextEncoder

__all__ = ["Seen", "distances", "look"]


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
    """What block ``block`` reads and leaves at tokens (m,) of prompts ``ids`` (n, window)."""
    groves = plant(text, ids, row, position, 4 * TOKENS)
    found = list(_passed(text, groves, block))
    inputs, states = (together(groves, part) for part in zip(*found, strict=True))
    return Seen(inputs, states)


def _passed(text: TextEncoder, groves: Sequence[Grove], block: int) -> Iterator[tuple[Tensor, Tensor]]:
    seen: list[Tensor] = []
    handle = text.fc1(block).register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    try:
        for grove in groves:
            states = grove.run(grove.run(grove.states, 0, block), block, block + 1)
            yield grove.at_wanted(seen[-1]), grove.at_wanted(states)
            seen.clear()
    finally:
        handle.remove()
