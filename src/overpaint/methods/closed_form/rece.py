"""Reliable and efficient concept erasure (RECE, arXiv 2407.12383): what still brings the concept back is edited, too.

After a map T the embedding that the edited matrices read most like they once read c is, over all of them together,

    c' = (r I + T^T H T)^-1 T^T H c,   H = sum W^T W,

which is the paper's regularised solution for W' = W T.
It is edited like c was, on top of T, and so on. Only H (d, d) is needed of the matrices.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.linear.lowrank import Factors
from overpaint.linear.precision import exact
from overpaint.methods.closed_form.config import ReceConfig
from overpaint.methods.closed_form.pairs import Pairs
from overpaint.methods.closed_form.text_map import compose, mapped, patch_of, read_by, text_map
from overpaint.methods.closed_form.uce import problem
from overpaint.methods.store import MemoryStore
from overpaint.patch import Delta, Patch
from overpaint.plan import Plan
from overpaint.progress import Progress

__all__ = ["fit", "gram", "revived"]


def fit(
    backbone: Backbone,
    plan: Plan,
    config: ReceConfig,
    *,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None = None,
) -> Patch:
    """The patch of a plan. Raises as `overpaint.methods.closed_form.uce.fit` does.

    The paper keeps the round with the lowest rate of a detector; here the number of rounds is a setting.
    """
    changes: dict[str, Delta] = {}
    for reading, layers in read_by(backbone, plan, config.matrices):
        pairs, kept = problem(backbone, reading, plan, config, store, progress, captions)
        change = text_map(pairs, kept, config.lambda_)
        h = gram([layer.weight for layer in layers.values()]).to(pairs.keys.device)
        for _ in range(config.rounds):
            worst = revived(pairs.keys, change, h, config.closeness)
            step = text_map(Pairs(worst, pairs.targets), kept, config.lambda_)
            change = compose(change, step)
        changes |= mapped(layers, change)
    return patch_of(backbone, plan, config, changes)


def gram(weights: Sequence[Tensor]) -> Tensor:
    """``H = sum W^T W`` (d, d) of matrices (., d), float64: ``x^T H x`` is the squared norm of what they read of x."""
    total = torch.zeros(weights[0].shape[1], weights[0].shape[1], dtype=torch.float64)
    for weight in weights:
        w = exact(weight.detach())
        total += (w.mT @ w).cpu()
    return total


def revived(keys: Tensor, change: Factors, h: Tensor, closeness: float) -> Tensor:
    """The embeddings c' (d, n) that edited matrices read most like the original ones read ``keys`` (d, n).

    Minimises ``sum_W ||W T c' - W c||^2 + closeness ||c'||^2``.
    """
    eye = torch.eye(len(h), dtype=h.dtype, device=h.device)
    t = eye + change.matrix
    system = t.mT @ h @ t
    return torch.cholesky_solve(t.mT @ (h @ keys), torch.linalg.cholesky((system + system.mT) / 2 + closeness * eye))
