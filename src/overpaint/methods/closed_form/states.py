"""Final states of prompts: what cross-attention reads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from overpaint.backbone.text import TextEncoder
from overpaint.linear.precision import exact

__all__ = ["final_states"]


@torch.no_grad()
def final_states(text: TextEncoder, prompts: Sequence[str], length: int | None = None, chunk: int = 64) -> Tensor:
    """States (n, length, width) of prompts, float64, where `exact` puts them.

    Rows are cut behind ``length`` positions (None: the window): attention is causal, nothing later is read.
    """
    found = []
    for first in range(0, len(prompts), chunk):
        ids = text.tokenize(prompts[first : first + chunk])[:, :length]
        found.append(exact(text.finish(text.run(text.embed(ids), 0, len(text.blocks)))))
    return torch.cat(found)
