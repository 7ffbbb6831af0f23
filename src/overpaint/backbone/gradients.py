"""Gradients through networks of any type, float16 ones included, whose numbers end at 6e-8."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["gradients"]

SCALE = 2.0**16
STEP = 4.0


def gradients(loss: Tensor, leaves: Sequence[Tensor], dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Of a scalar loss, in the leaves' order and shapes; zeros for a leaf that it does not depend on.

    A loss is a mean over a picture's latents, so its gradients are too small for a network of type ``dtype`` float16:
    a fifth of them would be lost, and an optimiser of the Adam kind goes by their signs. There they are those of a
    multiple of the loss, the largest that does not overflow, and divided afterwards (arXiv 1710.03740, section 3.2).
    Every call begins with the same multiple, so that no step depends on those before.
    """
    if dtype != torch.float16:
        return torch.autograd.grad(loss, leaves, materialize_grads=True)
    scale = SCALE if bool(torch.isfinite(loss)) else 1.0
    while True:
        found = torch.autograd.grad(scale * loss, leaves, materialize_grads=True, retain_graph=True)
        if scale <= 1 or all(bool(torch.isfinite(gradient).all()) for gradient in found):
            return tuple(gradient / scale for gradient in found)
        scale /= STEP
