"""The one map of text states behind a closed-form edit, and the patch that it becomes.

UCE (arXiv 2308.14761, equation 7) solves for every matrix W of cross-attention

    min_W'  sum_i s ||W' c_i - v_i||^2 + sum_j s_j ||W' p_j - W p_j||^2 + lambda ||W' - W||_F^2.

All its targets are readings of text states, ``v_i = W g_i``. Then ``W' = W T`` with one ``T`` for all W,

    T = I + s (G - C) C^T (lambda I + s C C^T + P P^T)^-1,

which is the ridge problem of `overpaint.linear.ridge` with states as keys and differences of states as residuals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.reading import Reading
from overpaint.errors import PlanError
from overpaint.linear.lowrank import Factors, compress
from overpaint.linear.ridge import penalty, ridge_update
from overpaint.linear.subspace import complement
from overpaint.methods.closed_form.config import EditedConfig, Matrices
from overpaint.methods.closed_form.kept import Kept
from overpaint.methods.closed_form.pairs import Pairs
from overpaint.methods.provenance import provenance_of
from overpaint.patch import Delta, Dense, LowRank, Mapped, Patch
from overpaint.plan import Plan

__all__ = ["compose", "mapped", "patch_of", "read_by", "text_map", "written"]


def text_map(pairs: Pairs, kept: Kept, weight: float) -> Factors:
    """``T - I`` (d, d) in factors, float64; ``weight`` is lambda."""
    moment, scale = None, weight
    if kept.moment is not None:
        regular = kept.moment.to(pairs.keys).clone()
        regular.diagonal().add_(weight)
        moment, scale = penalty(regular, jitter=0.0), 1.0
    within = complement(kept.fixed) if kept.fixed.shape[1] else None
    soft = kept.soft if kept.soft.shape[1] else None
    return compress(ridge_update(pairs.keys, pairs.residual, moment, scale, soft, within))


def compose(first: Factors, second: Factors) -> Factors:
    """``T_1 T_2 - I`` in factors: the second edit made on matrices that have had the first, ``W T_1 T_2``."""
    up = second.up + first.up @ (first.down @ second.up)
    return compress(Factors(torch.cat([first.up, up], dim=1), torch.cat([first.down, second.down])))


def read_by(backbone: Backbone, plan: Plan, which: Matrices) -> list[tuple[Reading, dict[str, torch.nn.Linear]]]:
    """What layers read with those that are edited, by canonical weight name.

    These are the layers that read text, or of cross-attention the keys or values alone.

    Raises:
        PlanError: keys or values are wanted alone of a model without cross-attention.
    """
    if which == "kv":
        return [(reading, dict(reading.layers)) for reading in backbone.readings]
    ending = f"attn2.to_{which}.weight"
    found = [(r, {n: layer for n, layer in r.layers.items() if n.endswith(ending)}) for r in backbone.readings]
    if not any(layers for _, layers in found):
        names = [name for reading in backbone.readings for name in reading.layers]
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        raise PlanError(
            f"{plan.at('settings.matrices')}: no cross-attention has {which!r} alone on this model, where {shown}"
            " read the text; take matrices: kv"
        )
    return [(reading, layers) for reading, layers in found if layers]


def mapped(names: Iterable[str], change: Factors) -> dict[str, Delta]:
    """The changes of layers by one map of what they read, stored once."""
    shared = written(change)
    return {name: Mapped(shared) for name in names}


def written(change: Factors) -> LowRank | Dense:
    """As it is stored: in factors where that is smaller."""
    return LowRank(change.up, change.down) if change.worthwhile else Dense(change.matrix)


def patch_of(backbone: Backbone, plan: Plan, config: EditedConfig, changes: Mapping[str, Delta]) -> Patch:
    """The patch of changes by matrix, with its provenance."""
    return Patch.made_on(backbone.pipe, changes, provenance_of(backbone, plan, config))
