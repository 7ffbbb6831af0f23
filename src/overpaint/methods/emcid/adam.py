"""Adam on the rows of one tensor, each by itself, however many steps it has made."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Adam", "clamp_rows"]

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class Adam:
    """Adam (arXiv 1412.6980) without a graph, a schedule or weight decay."""

    def __init__(self, like: Tensor, rate: float) -> None:
        """For a tensor (n, d)."""
        self.rate = rate
        self._first, self._second = torch.zeros_like(like), torch.zeros_like(like)
        # on the CPU: not every device has float64, and 1 - BETA2 takes half of float32's digits
        self._steps = torch.zeros(len(like), 1, dtype=torch.float64)

    def step(self, rows: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
        """Those rows (k,) of the tensor after one more step: (k, d), from their values and gradients (k, d)."""
        self._steps[rows.cpu()] += 1
        self._first[rows] = BETA1 * self._first[rows] + (1 - BETA1) * gradient
        self._second[rows] = BETA2 * self._second[rows] + (1 - BETA2) * gradient.square()
        steps = self._steps[rows.cpu()]
        mean = self._first[rows] / (1 - BETA1**steps).to(value)
        root = (self._second[rows] / (1 - BETA2**steps).to(value)).sqrt()
        return value - self.rate * mean / (root + EPSILON)


def clamp_rows(rows: Tensor, limit: Tensor) -> Tensor:
    """Rows (n, d) shortened to the norms ``limit`` (n,) where they are longer."""
    norm = rows.norm(dim=1)
    return torch.where((norm > limit)[:, None], rows * (limit / norm.clamp(min=1e-12))[:, None], rows)
