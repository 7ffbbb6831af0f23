"""Subspaces that an update may read: what is orthogonal to them keeps its output exactly."""

from __future__ import annotations

import torch
from torch import Tensor

from overpaint.linear.precision import exact

__all__ = ["complement", "null_space"]

TOLERANCE = 1e-10
"""Share of the largest singular value below which a direction counts as not spanned."""


def complement(vectors: Tensor, inside: Tensor | None = None) -> Tensor:
    """Orthonormal basis (d, q) of everything orthogonal to the columns of ``vectors`` (d, m), float64.

    Args:
        vectors: may be linearly dependent.
        inside: orthonormal basis (d, s): only of what lies in its span.
    """
    v = exact(vectors) if inside is None else exact(inside).mT @ exact(vectors)
    u, s, _ = torch.linalg.svd(v, full_matrices=True)
    # relative to the vectors themselves: what is left of them inside may be rounding alone
    scale = torch.linalg.vector_norm(exact(vectors), dim=0).max() if vectors.shape[1] else vectors.new_zeros(())
    rank = int((s > TOLERANCE * scale).sum())
    basis = u[:, rank:]
    return basis if inside is None else exact(inside) @ basis


def null_space(moment: Tensor, threshold: float) -> Tensor:
    """Orthonormal basis (d, q) of the directions in which vectors hardly vary, float64.

    Args:
        moment: second moment (d, d) of the vectors.
        threshold: eigenvalues below it count as zero (SPEED, arXiv 2503.07392: singular values of ``E[r r^T]``).
    """
    m = exact(moment)
    values, directions = torch.linalg.eigh((m + m.mT) / 2)
    return directions[:, values < threshold]
