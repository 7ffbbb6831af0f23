"""Orthogonal concept erasure (OCE, arXiv 2605.28902), as far as its abstract says: matrices are turned, not added to.

Each ``W' = Q W`` with the orthogonal Q (Procrustes) that carries readings of the sources onto the directions of those
of their anchors and leaves readings of kept states: norms and angles of all that a matrix puts out stay. What the paper
adds for many concepts (an objective on subspaces) is not in the abstract; pairs are matched as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.linear.lowrank import Factors
from overpaint.linear.orthogonal import rotation
from overpaint.linear.precision import exact
from overpaint.methods.closed_form.aims import aims_of
from overpaint.methods.closed_form.config import OceConfig
from overpaint.methods.closed_form.kept import Kept, kept_states
from overpaint.methods.closed_form.pairs import Pairs
from overpaint.methods.closed_form.text_map import patch_of, read_by, written
from overpaint.methods.closed_form.uce import gathered
from overpaint.methods.store import MemoryStore
from overpaint.patch import Delta, Patch
from overpaint.plan import Plan
from overpaint.progress import Progress

__all__ = ["fit", "turned"]


def fit(
    backbone: Backbone,
    plan: Plan,
    config: OceConfig,
    *,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None = None,
) -> Patch:
    """The patch of a plan. Raises as `overpaint.methods.closed_form.uce.fit` does."""
    changes: dict[str, Delta] = {}
    for reading, layers in read_by(backbone, plan, config.matrices):
        pairs = gathered(reading, {one.name: aims_of(one, plan, config) for one in reading.readers}, config, progress)
        kept = Kept.join([Kept(*kept_states(reader, plan, config, ("begin",))) for reader in reading.readers])
        with progress.task("rotations", total=len(layers), unit="matrix") as advance:
            for name, layer in layers.items():
                changes[name] = written(turned(exact(layer.weight.detach()), pairs, kept, config.lambda_))
                advance()
    return patch_of(backbone, plan, config, changes)


def turned(weight: Tensor, pairs: Pairs, kept: Kept, staying: float) -> Factors:
    """``Q W - W`` (out, d) in factors for one matrix W (out, d).

    Pairs count by their directions; kept states by the share of the largest that their readings are.
    """
    states = torch.cat([kept.fixed, kept.soft], dim=1).to(weight)
    source, target, still = (weight @ x.to(weight) for x in (pairs.keys, pairs.targets, states))
    if still.shape[1]:
        still = still / torch.linalg.vector_norm(still, dim=0).max()
    q = rotation(_unit(source), _unit(target), staying, still)
    return Factors(q.up, q.down @ weight)


def _unit(columns: Tensor) -> Tensor:
    return columns / torch.linalg.vector_norm(columns, dim=0).clamp_min(torch.finfo(columns.dtype).tiny)
