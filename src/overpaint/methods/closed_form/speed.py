"""SPEED (arXiv 2503.07392): erasure inside the null space of what is retained.

With C the sources' states, G their anchors', n of them, the change of a value matrix W is ``W D`` with

    D = ((G - C) C^T / n) P [I - M K_2 (K_2^T P M K_2 + slack I)^-1 K_2^T P] M,   M = (C C^T P / n + rho I)^-1

(its closed form with invariant equality constraints), P the projector onto directions that retained states hardly vary
in, K_2 some states of the empty prompt. That is the ridge problem within the subspace of P, with K_2 fixed (slack 0) or
protected with weight 1 / slack.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.reading import Reader
from overpaint.linear.lowrank import Factors, compress
from overpaint.linear.ridge import ridge_update
from overpaint.linear.subspace import complement, null_space
from overpaint.methods.captions import captions_for
from overpaint.methods.closed_form.aims import aims_of
from overpaint.methods.closed_form.config import SpeedConfig
from overpaint.methods.closed_form.kept import empty_prompt, preserved
from overpaint.methods.closed_form.pairs import Pairs, pairs_of
from overpaint.methods.closed_form.rece import gram
from overpaint.methods.closed_form.states import read_states
from overpaint.methods.closed_form.text_map import mapped, patch_of, read_by, written
from overpaint.methods.store import MemoryStore
from overpaint.patch import Delta, Mapped, Patch
from overpaint.plan import Plan
from overpaint.progress import Progress
from overpaint.seeding import derive

__all__ = ["centres", "dimmest", "fit", "refined", "within_null_space"]

SEEN = 1e-12
"""Share of the largest eigenvalue of H below which it is rounding."""


def fit(
    backbone: Backbone,
    plan: Plan,
    config: SpeedConfig,
    *,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None = None,
) -> Patch:
    """The patch of a plan. Raises as `overpaint.methods.closed_form.uce.fit` does."""
    # whatever reads text by keys and values reads one thing
    ((reading, layers),) = read_by(backbone, plan, config.matrices)
    (reader,) = reading.readers
    aims = aims_of(reader, plan, config)
    with progress.task("text states", total=len(aims), unit="concept") as advance:
        pairs = pairs_of(reader, aims, config.tokens, advance)
    pairs = pairs.scaled(config.strength / sum(len(aim.templates) for aim in aims))
    named = preserved(reader, plan, config, whole=False)
    said = named[:, :0]
    if config.retain:
        said = _caption_states(reader, captions_for(backbone, config.retain, captions)[: config.retain])
    empty = empty_prompt(reader)
    others = torch.cat([empty["end"], empty["padding"]], dim=1)
    fixed = torch.cat([empty["begin"], centres(others, config.centres)], dim=1)

    def change(weights: Sequence[Tensor]) -> Factors:
        h = gram(weights).to(pairs.keys.device)
        # one seed for all matrices: the order in which they come must not matter
        known = refined(pairs, named, said, h, config, derive(plan.seed, "speed"))
        return within_null_space(pairs, known, fixed, config)

    if config.shared:
        shared = mapped(layers, change([layer.weight for layer in layers.values()]))
        return patch_of(backbone, plan, config, shared)
    changes: dict[str, Delta] = {}
    with progress.task("null spaces", total=len(layers), unit="matrix") as advance:
        for name, layer in layers.items():
            changes[name] = Mapped(written(change([layer.weight])))
            advance()
    return patch_of(backbone, plan, config, changes)


def refined(pairs: Pairs, named: Tensor, said: Tensor, h: Tensor, config: SpeedConfig, seed: int) -> Tensor:
    """Retained states (d, m) filtered by influence and augmented along what matrices hardly see.

    Influence-based prior filtering and directed prior augmentation of the paper.

    The influence of a state r is ``||W D_0 r||`` for the unconstrained edit ``D_0 = (G - C) C^T (I + C C^T)^-1``.
    What has less than the mean of all states is left out: of captions' states, and of variations. The paper's filter
    may drop a name, too; here whoever preserves one has it retained.

    Args:
        named: (d, a), of the preserve list.
        said: (d, b), of captions.
        h: ``sum W^T W`` (d, d) of the matrices concerned.
    """
    retained = torch.cat([named, said], dim=1)
    if not retained.shape[1]:
        return retained
    edit = ridge_update(pairs.keys, pairs.residual, None, 1.0)

    def influence(states: Tensor) -> Tensor:
        moved = edit.up @ (edit.down @ states)
        return (moved * (h @ moved)).sum(dim=0).clamp_min(0).sqrt()

    least = influence(retained).mean()
    if config.filter:
        retained = torch.cat([named, said[:, influence(said) >= least]], dim=1)
    if config.augment:
        dim = dimmest(h)
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(config.augment, *retained.shape, generator=generator, dtype=torch.float64).to(retained)
        # xi v v^T for each xi
        varied = (retained + dim[:, None] * (noise * dim[:, None]).sum(dim=1, keepdim=True)).movedim(0, 1).flatten(1)
        if config.filter:
            varied = varied[:, influence(varied) >= least]
        retained = torch.cat([retained, varied], dim=1)
    return retained


def dimmest(h: Tensor) -> Tensor:
    """The direction (d,) that matrices see least of those that they see, given H (d, d).

    It is the v with the smallest ``v^T H v`` above nought.

    This is the last right singular vector of the reduced decomposition of a matrix with H = W^T W, the paper's v_min
    where W has as many outputs as inputs. Where it has fewer, others have the singular value 0; which of them a solver
    gives is chance, and states that vary along them are the same to W.
    """
    values, directions = torch.linalg.eigh(h)
    return directions[:, int((values >= SEEN * values[-1]).nonzero()[0])]


def within_null_space(pairs: Pairs, retained: Tensor, fixed: Tensor, config: SpeedConfig) -> Factors:
    """``D`` (d, d) in factors: `pairs` as far as neither ``retained`` (d, m) nor ``fixed`` (d, k) states notice."""
    within = torch.eye(len(fixed), dtype=fixed.dtype, device=fixed.device)
    if retained.shape[1]:
        within = null_space(retained @ retained.mT / retained.shape[1], config.threshold)
    soft = None
    if config.slack:
        soft = fixed / config.slack**0.5
    else:
        within = complement(fixed, within)
    return compress(ridge_update(pairs.keys, pairs.residual, None, config.lambda_, soft, within))


def centres(states: Tensor, count: int, rounds: int = 20) -> Tensor:
    """Means (d, count at most) of groups of states (d, m) (k-means, started at states far from each other)."""
    if not count:
        return states[:, :0]
    found = states[:, :1]
    while found.shape[1] < min(count, states.shape[1]):
        farthest = torch.cdist(states.mT, found.mT).min(dim=1).values.argmax()
        found = torch.cat([found, states[:, farthest : farthest + 1]], dim=1)
    for _ in range(rounds):
        nearest = torch.cdist(states.mT, found.mT).argmin(dim=1)
        found = torch.stack([states[:, nearest == i].mean(dim=1) for i in nearest.unique()], dim=1)
    return found


def _caption_states(reader: Reader, captions: Sequence[str]) -> Tensor:
    """States (d, m) of the captions' own tokens behind the begin token."""
    ends = reader.end_positions(reader.tokenize(captions)).cpu()
    states = read_states(reader, captions, int(ends.max()) + 1)
    position = torch.arange(states.shape[1])
    inside = (position >= reader.begin) & (position <= ends[:, None])
    return states[inside.to(states.device)].mT.contiguous()
