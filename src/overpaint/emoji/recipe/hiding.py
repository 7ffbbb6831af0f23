"""What the text tower may not read while it learns, so that a concept comes to live at its last token.

In most samples

* in the lower half of the blocks, tokens behind the subject cannot see it, and the end token no caption at all;
* in the upper half, they see the subject's last token alone.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from overpaint.emoji.recipe.tokens import Tokens

__all__ = ["hiding_masks", "stray_places"]

HIDE_LOWER, HIDE_UPPER = 0.6, 0.5
HIDDEN = -1e4


def stray_places(tokens: Tokens) -> tuple[Tensor, Tensor]:
    """What should not be read ``(n, 1, length, length)``, bool, by (query, key), in the lower and in the upper half."""
    count, length = tokens.ids.shape
    lower, upper = torch.zeros(2, count, length, length, dtype=torch.bool)
    for row in range(count):
        end = int(tokens.ends[row])
        lower[row, end:, 1:end] = True
        for begin, stop in (tokens.subjects[row], tokens.styles[row]):
            lower[row, stop:, begin:stop] = True
            upper[row, stop:, begin : max(begin, stop - 1)] = True
    return lower[:, None], upper[:, None]


def hiding_masks(strays: tuple[Tensor, Tensor], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Additive causal masks of both halves that hide stray places in a part of the rows, ``(n, 1, length, length)``."""
    count, _, length, _ = strays[0].shape
    causal = torch.full((length, length), HIDDEN).triu(1)
    hide_lower = rng.random(count) < HIDE_LOWER
    hide_upper = hide_lower & (rng.random(count) < HIDE_UPPER)
    lower, upper = (
        torch.where(places & torch.from_numpy(hide).view(-1, 1, 1, 1), HIDDEN, causal)
        for places, hide in zip(strays, (hide_lower, hide_upper), strict=True)
    )
    return lower, upper
