"""Precision of the denoiser's own arithmetic in training."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from overpaint.backbone.backbone import Backbone

__all__ = ["in_precision"]


def in_precision(backbone: Backbone, precision: str) -> AbstractContextManager[object]:
    """Where the denoiser computes in a lower precision; parameters, values and losses keep theirs."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(backbone.device.type, dtype=getattr(torch, precision))
