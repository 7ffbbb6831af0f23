"""Precision of the denoiser's own arithmetic, in drawing and in training."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

__all__ = ["fast_precision", "has_fast_halves", "in_precision"]


def in_precision(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Where the denoiser computes in a lower precision; parameters, values and losses keep theirs."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))


def has_fast_halves(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices in hardware; elsewhere they are emulated, and slow."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # older than torch 2.5: nobody says
    return device.type == "cpu" and supported is not None and supported()


def fast_precision(device: torch.device) -> str:
    """The fastest that `in_precision` takes on a device."""
    return "bfloat16" if has_fast_halves(device) else "float32"
