"""The one ridge problem behind all closed-form edits.

Given keys ``K = [k_1 .. k_n]`` (in, n), residuals ``R = [r_1 .. r_n]`` (out, n) and the second moment ``C`` (in, in) of
keys whose values must stay, the change ``D`` (out, in) of a linear layer that minimises

    w E_C ||D k||^2  +  sum_i ||D k_i - r_i||^2  +  sum_j ||D p_j||^2

is ``D = R K^T (w C + K K^T + P P^T)^-1`` (MEMIT, arXiv 2210.07229, equation 14; EMCID, arXiv 2403.13807, section 3.3;
UCE, arXiv 2308.14761, equation 7, is the case C = I). ``P`` holds single keys to keep, scaled by the root of their
weight. ``D`` has rank n at most and is returned as two factors.

Keys whose outputs must stay to the last digit are no matter of weights: ``D`` may be bound to read only ``within`` a
subspace that is orthogonal to them (`overpaint.linear.subspace`; the null space of SPEED, arXiv 2503.07392). With an
orthonormal basis B of it, ``D = D' B^T``, and ``D'`` solves the same problem for keys ``B^T K``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.linear.lowrank import Factors
from overpaint.linear.precision import exact

__all__ = ["JITTER", "Penalty", "alpha_weight", "penalty", "ridge_update"]

JITTER = 1e-6
"""Share of the mean of C's diagonal that is added to it: too little to matter where keys live, enough for a Cholesky
factor where none do (captions may span fewer directions than the layer has)."""
MOST_JITTER = 1e-3


@dataclass(frozen=True)
class Penalty:
    """A second moment C (in, in) as its Cholesky factor, computed once for every weight, edit set and residual.

    Attributes:
        cholesky: lower triangular L (in, in) with ``L L^T = C``, float64, jitter included.
    """

    cholesky: Tensor

    @property
    def moment(self) -> Tensor:
        """C (in, in)."""
        return self.cholesky @ self.cholesky.mT

    def whiten(self, keys: Tensor) -> Tensor:
        """``L^-1 K`` (in, n), in which C is the identity."""
        return torch.linalg.solve_triangular(self.cholesky, keys, upper=False)

    def unwhiten(self, change: Tensor) -> Tensor:
        """``D L^-1`` (n, in): reads keys as they are, and does what ``D`` (n, in) does with whitened ones."""
        return torch.linalg.solve_triangular(self.cholesky.mT, change.mT, upper=True).mT


def penalty(moment: Tensor, jitter: float = JITTER) -> Penalty:
    """Factor a second moment (in, in), positive semi-definite but for rounding, any float type.

    Where the jitter does not make it definite, ten times as much is taken, and so on up to `MOST_JITTER`.

    Raises:
        ValueError: it is not nearly positive semi-definite; no second moment of anything.
    """
    moment = exact(moment)
    moment = (moment + moment.mT).div_(2)  # by the same name: one that nobody else holds is let go
    diagonal = moment.diagonal().clone()
    mean = moment.diagonal().mean()
    while True:
        moment.diagonal().copy_(diagonal + jitter * mean)
        factor, failed = torch.linalg.cholesky_ex(moment)
        if not failed:
            return Penalty(factor)
        if not jitter <= MOST_JITTER:
            raise ValueError("not a second moment: its eigenvalues are not all positive or nil")
        jitter = max(10 * jitter, JITTER)


def alpha_weight(weight: float, alpha: float) -> float:
    """EMCID's pair (lambda, alpha) as one weight, ``lambda (1 - alpha) / alpha`` (only this matters).

    Minimising ``lambda (1 - alpha) E_C ||D k||^2 + alpha sum_i ||D k_i - r_i||^2`` is the ridge problem above with it.
    Raises ValueError unless alpha lies between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}: at 1 nothing is preserved, at 0 nothing edited")
    return weight * (1 - alpha) / alpha


def ridge_update(
    keys: Tensor,
    residual: Tensor,
    moment: Tensor | Penalty | None,
    weight: float,
    protected: Tensor | None = None,
    within: Tensor | None = None,
) -> Factors:
    """``D = R K^T (w C + K K^T + P P^T)^-1`` as ``up = R`` (out, n), ``down`` (n, in), float64.

    With fewer keys than inputs only a system of their number is solved (Woodbury): with ``Y = L^-1 [K P]`` it is
    ``[R 0] (w I + Y^T Y)^-1 Y^T L^-1``. Otherwise the full one is. With more keys than outputs ``up`` is the identity
    (out, out) and ``down`` is D.

    Args:
        keys: K (in, n).
        residual: R (out, n), what the layer's output lacks at each key.
        moment: C (in, in) or its `Penalty`; None is the identity, exactly and for free.
        weight: w > 0.
        protected: P (in, m), keys at which the output should stay.
        within: B (in, q), orthonormal columns; ``D x = 0`` for every x that is orthogonal to them.
    """
    if weight <= 0:
        raise ValueError(f"the weight of the preserved keys must be positive, not {weight}")
    k, r = exact(keys), exact(residual)
    if within is not None:
        b = exact(within)
        whole = moment.moment if isinstance(moment, Penalty) else moment
        inside = None if whole is None else b.mT @ exact(whole) @ b
        kept = None if protected is None else b.mT @ exact(protected)
        small = ridge_update(b.mT @ k, r, inside, weight, kept)
        return Factors(small.up, small.down @ b.mT)
    c = moment if isinstance(moment, Penalty) or moment is None else penalty(moment)
    n, out = k.shape[1], len(r)
    up, wanted = (torch.eye(out).to(r), r) if n > out else (r, torch.eye(n).to(r))
    kept = k[:, :0] if protected is None else exact(protected)
    if n + kept.shape[1] < len(k):
        every = torch.cat([k, kept], dim=1)
        y = every if c is None else c.whiten(every)
        gram = y.mT @ y
        gram.diagonal().add_(weight)
        residuals = torch.cat([wanted, wanted.new_zeros(len(wanted), kept.shape[1])], dim=1)
        change = torch.cholesky_solve(residuals.mT, torch.linalg.cholesky(gram)).mT @ y.mT
        return Factors(up, change if c is None else c.unwhiten(change))
    system = k @ k.mT
    system.addmm_(kept, kept.mT)
    if c is None:
        system.diagonal().add_(weight)
    else:
        system += weight * c.moment
    return Factors(up, torch.cholesky_solve(k @ wanted.mT, torch.linalg.cholesky(system)).mT)
