"""The root of a metric, with which weighted distances become plain ones."""

from __future__ import annotations

import torch
from torch import Tensor

from overpaint.linear.precision import exact

__all__ = ["symmetric_root"]


def symmetric_root(metric: Tensor) -> Tensor:
    """R (d, d), symmetric, float64, with ``R R = G`` for a positive semi-definite G (d, d), which may be singular.

    So ``e^T G e = ||R e||^2``, which rounding cannot make negative.
    """
    g = exact(metric)
    values, directions = torch.linalg.eigh((g + g.mT) / 2)
    return (directions * values.clamp(min=0).sqrt()) @ directions.mT
