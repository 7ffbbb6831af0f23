"""Rotations that carry one set of vectors towards another and keep all norms and angles."""

from __future__ import annotations

import torch
from torch import Tensor

from overpaint.linear.lowrank import Factors
from overpaint.linear.precision import exact

__all__ = ["rotation"]


def rotation(vectors: Tensor, targets: Tensor, weight: float, kept: Tensor | None = None) -> Factors:
    """The orthogonal Q (d, d) nearest to all that is asked for, as ``Q - I`` in factors, float64.

    Q minimises ``sum_i ||Q a_i - b_i||^2 + sum_j ||Q p_j - p_j||^2 + w ||Q - I||_F^2``: orthogonal Procrustes,
    ``Q = U V^T`` from the singular value decomposition ``U S V^T = B A^T + P P^T + w I`` (Schoenemann 1966). Outside
    the span of all vectors Q is the identity, so the decomposition is taken inside it alone.

    Args:
        vectors: A (d, n).
        targets: B (d, n).
        weight: w > 0, of staying as it is.
        kept: P (d, m), vectors that should stay, scaled by the roots of their weights.

    Returns:
        ``up`` (d, r) and ``down`` (r, d) with ``Q = I + up @ down``, r at most min(d, 2 n + m).
    """
    if weight <= 0:
        raise ValueError(f"the weight of staying must be positive, not {weight}")
    a, b = exact(vectors), exact(targets)
    p = torch.zeros_like(a[:, :0]) if kept is None else exact(kept)
    basis = torch.linalg.qr(torch.cat([a, b, p], dim=1)).Q
    a, b, p = (basis.mT @ x for x in (a, b, p))
    eye = torch.eye(basis.shape[1], dtype=basis.dtype, device=basis.device)
    u, _, vh = torch.linalg.svd(b @ a.mT + p @ p.mT + weight * eye)
    return Factors(basis @ (u @ vh - eye), basis.mT.clone())
