"""Where closed forms are computed: in float64, which Apple's GPUs (mps) do not have."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["exact", "exact_device"]


def exact_device(device: torch.device | str) -> torch.device:
    """The device itself if it computes in float64, else the CPU."""
    found = torch.device(device)
    return found if found.type in ("cpu", "cuda") else torch.device("cpu")


def exact(tensor: Tensor) -> Tensor:
    """A tensor of any shape in float64, on its own device where that has it, else on the CPU; itself if it is that."""
    return tensor.to(exact_device(tensor.device)).double()
