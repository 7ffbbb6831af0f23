"""Latents as the picture tokens of a transformer: each token is two by two latents."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

__all__ = ["packed", "unpacked"]


def packed(latents: Tensor) -> Tensor:
    """Latents (n, c, h, w) as tokens (n, h/2 * w/2, 4c), row by row; in a token the channels come first."""
    return F.pixel_unshuffle(latents, 2).flatten(2).mT


def unpacked(tokens: Tensor, height: int, width: int) -> Tensor:
    """Inverse of `packed` for latents (n, c, height, width)."""
    return F.pixel_shuffle(tokens.mT.unflatten(2, (height // 2, width // 2)), 2)
