"""What must hold of every text encoder, and of pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from overpaint.backbone.text import TextEncoder

__all__ = ["block_by_block", "same_pictures"]


@torch.no_grad()
def block_by_block(text: TextEncoder, ids: Tensor) -> Tensor:
    """Final states (n, window, width), taken through one block after the other; their parts fit together."""
    states = text.embed(ids)
    for block in range(len(text.blocks)):
        out, keys, values = text.block_with_mlp(states, block)
        assert torch.equal(out, text.run(states, block, block + 1))
        assert torch.equal(keys, text.mlp_input(states, block))
        assert torch.equal(values, text.fc2(block)(keys))
        assert keys.shape == (*ids.shape, text.key_width)
        states = out
    return text.finish(states)


def same_pictures(ours: Sequence[Image.Image], theirs: Sequence[Image.Image]) -> None:
    """The same up to one shade."""
    for own, other in zip(ours, theirs, strict=True):
        assert np.abs(np.asarray(own, dtype=int) - np.asarray(other, dtype=int)).max() <= 1
