"""What must hold of every text encoder."""

from __future__ import annotations

import torch
from torch import Tensor

from overpaint.backbone.text import TextEncoder

__all__ = ["block_by_block"]


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
