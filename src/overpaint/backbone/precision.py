"""Precision of the denoiser's own arithmetic, in drawing and in training."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

__all__ = ["in_precision"]


def in_precision(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Where the denoiser computes in a lower precision; parameters, values and losses keep theirs."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))
