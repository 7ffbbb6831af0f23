"""Units of a feed-forward layer that are given up, and how the others take over (optimal brain surgeon)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from overpaint.linear.precision import exact

__all__ = ["give_up"]


def give_up(weight: Tensor, count: int, moment: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
    """The ``count`` units whose loss costs a layer's output least, and the output weights without them.

    Without unit j the mean squared output is off by ``||w_j||^2 / [C^-1]_jj`` if the others are fitted anew (Hassibi
    and Stork, 1993); those where that is least are given up together, and the others' weights become
    ``W_R + W_S C_SR C_RR^-1``, the least squares solution.

    Args:
        weight: W (width, units), output weights.
        moment: called for C (units, units), the second moment of what the units give, positive definite; it is not
            needed where enough of them are not read at all.

    Returns:
        Indices (count,) in rising order, and new weights (width, units), float64, with zero columns at them.
    """
    old = exact(weight)
    size = old.square().sum(dim=0)
    if int((size == 0).sum()) >= count:
        return (size == 0).nonzero()[:count, 0], old
    c = exact(moment()).to(old.device)
    loss = size / torch.linalg.inv(c).diagonal()
    chosen = loss.argsort(stable=True)[:count].sort().values
    left = torch.ones(len(size), dtype=torch.bool, device=old.device)
    left[chosen] = False
    new = torch.zeros_like(old)
    new[:, left] = old[:, left] + torch.linalg.solve(c[left][:, left], c[left][:, chosen] @ old[:, chosen].mT).mT
    return chosen, new
