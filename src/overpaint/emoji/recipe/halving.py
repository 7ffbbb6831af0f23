"""Weights as they ship: floating tensors in half precision, counters as they are."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

__all__ = ["halved"]


def halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dictionary as it is written to a file: contiguous, float16 where it is of floats."""
    return {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in state.items()}
