"""Uncentred second moments of keys, gathered in one pass over any stream."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.linear.precision import exact_device

__all__ = ["SecondMoment"]


CHUNK = 2048
"""Keys whose products are summed in their own precision."""


@dataclass(frozen=True)
class SecondMoment:
    """The sum of ``k k^T`` over keys, and how many keys there were; pure data, every change gives a new one.

    Attributes:
        total: (in, in), float64.
        count: number of keys, or their total weight.
    """

    total: Tensor
    count: float

    @classmethod
    def empty(cls, width: int, device: torch.device | str | None = None) -> SecondMoment:
        """Of no keys of ``width`` numbers."""
        where = None if device is None else exact_device(device)
        return cls(torch.zeros(width, width, dtype=torch.float64, device=where), 0.0)

    @classmethod
    def of(cls, keys: Tensor) -> SecondMoment:
        """Of keys (n, in), of any float type.

        Products of some two thousand keys are summed in float32 at least, these sums in float64: twice as fast as
        float64 throughout, and the error (some 1e-7 of the mean of the diagonal) stays below any regularisation.
        """
        k = keys.detach()
        k = k if k.dtype in (torch.float32, torch.float64) else k.float()
        moment = cls.empty(k.shape[1], k.device)
        for part in k.split(CHUNK):
            moment.total.add_((part.mT @ part).to(moment.total.device))
        return cls(moment.total, float(len(k)))

    def __add__(self, other: SecondMoment) -> SecondMoment:
        """Of the keys of both; associative and commutative up to rounding."""
        return SecondMoment(self.total + other.total, self.count + other.count)

    def __mul__(self, weight: float) -> SecondMoment:
        """As if every key counted ``weight`` times."""
        return SecondMoment(self.total * weight, self.count * weight)

    @property
    def mean(self) -> Tensor:
        """``C = E[k k^T]`` (in, in), float64. ValueError without keys."""
        if self.count <= 0:
            raise ValueError("a second moment of no keys has no mean")
        return self.total / self.count
