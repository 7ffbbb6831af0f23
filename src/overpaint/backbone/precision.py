"""Precision of the denoiser's own arithmetic, in drawing and in training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

__all__ = ["SHORT", "fast_precision", "has_fast_halves", "in_precision", "in_training", "unmixed"]

SHORT = 256
"""Positions up to which attention's scores are kept for the backward pass."""


def in_precision(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Where the denoiser computes in a lower precision; parameters, values and losses keep theirs."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))


def unmixed(device: torch.device, weights: torch.dtype, precision: str) -> str | None:
    """Why torch does not compute in a precision with weights of a type; None if it does."""
    if device.type != "cpu" or weights != torch.float16 or precision == "float32":
        return None
    return (
        f"on a CPU torch does not compute in {precision} with weights in float16; load the model in float32, or"
        " leave the precision out"
    )


@contextmanager
def in_training(device: torch.device, precision: str, positions: int) -> Iterator[None]:
    """As `in_precision`, for passes with gradients through attention over so many positions.

    On a CPU torch's fused attention takes five times as long backwards in halves as its parts take (64 positions, torch
    2.13; a whole step of the bundled model's denoiser 430 ms, 322 ms by parts), so where there are few the parts are
    taken.
    """
    # named after CUDA, but asked for the CPU, too, which computes in float32 otherwise; torch 2.4 has no such switch
    switch = getattr(torch.backends.cuda, "allow_fp16_bf16_reduction_math_sdp", None)
    if device.type != "cpu" or precision == "float32" or positions > SHORT or switch is None:
        with in_precision(device, precision):
            yield
        return
    before = torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed()
    switch(True)
    try:
        with in_precision(device, precision), sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        switch(before)


def has_fast_halves(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices in hardware; elsewhere they are emulated, and slow."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # older than torch 2.5: nobody says
    return device.type == "cpu" and supported is not None and supported()


def fast_precision(device: torch.device, dtype: torch.dtype) -> str:
    """The fastest that `in_precision` takes on a device, of weights of a type: their own where they are in halves."""
    return "bfloat16" if dtype == torch.float32 and has_fast_halves(device) else "float32"
