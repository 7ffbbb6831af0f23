"""Which device to work on when nobody says."""

from __future__ import annotations

import torch

__all__ = ["best_device"]


def best_device() -> torch.device:
    """The GPU of NVIDIA or AMD (cuda) or Apple (mps) if there is one, else the CPU."""
    for kind, available in (("cuda", torch.cuda.is_available), ("mps", torch.backends.mps.is_available)):
        if available():
            return torch.device(kind)
    return torch.device("cpu")
