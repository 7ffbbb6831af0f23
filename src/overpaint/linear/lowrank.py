"""Matrices kept as a product of two thin ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from overpaint.linear.precision import exact

__all__ = ["Factors", "compress", "join"]


class Factors(NamedTuple):
    """The matrix ``up @ down`` (out, in) of rank r at most.

    Attributes:
        up: (out, r).
        down: (r, in).
    """

    up: Tensor
    down: Tensor

    @property
    def matrix(self) -> Tensor:
        """The product (out, in)."""
        return self.up @ self.down

    @property
    def worthwhile(self) -> bool:
        """Whether the two factors hold fewer numbers than the product."""
        (out, rank), width = self.up.shape, self.down.shape[1]
        return rank * (out + width) < out * width


def join(parts: Sequence[Factors]) -> Factors:
    """The sum of several products of equal outer shape as one product; ranks add."""
    return Factors(torch.cat([p.up for p in parts], dim=1), torch.cat([p.down for p in parts], dim=0))


def compress(factors: Factors, tolerance: float = 1e-12, rank: int | None = None) -> Factors:
    """The nearest product of lower rank, without forming the matrix.

    QR of both factors, then a singular value decomposition of the small core (Eckart-Young). Singular values up to
    ``tolerance`` times the largest are dropped, and all beyond the first ``rank``. Both factors get the root of the
    singular values, as LoRA files expect. Computed in float64, returned in the dtype given; a zero matrix has rank 0.
    """
    up, down = exact(factors.up), exact(factors.down)
    left, left_core = torch.linalg.qr(up)
    right, right_core = torch.linalg.qr(down.mT)
    u, s, vh = torch.linalg.svd(left_core @ right_core.mT, full_matrices=False)
    keep = int((s > tolerance * s.max()).sum()) if s.numel() else 0
    keep = keep if rank is None else min(keep, rank)
    root = s[:keep].sqrt()
    return Factors(
        (left @ (u[:, :keep] * root)).to(factors.up.dtype),
        ((root[:, None] * vh[:keep]) @ right.mT).to(factors.down.dtype),
    )
