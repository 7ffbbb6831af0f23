"""Debiased concepts of a plan, all of them together, with factors under which they come out in the wanted shares."""

from __future__ import annotations

from collections.abc import Sequence

from overpaint.backbone.backbone import Backbone
from overpaint.errors import PlanError
from overpaint.methods.debiasing import Counter, Debiased, deviation, near_enough
from overpaint.methods.emcid.balance import walk
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.fit import fit
from overpaint.methods.store import MemoryStore
from overpaint.plan import Plan
from overpaint.progress import Progress

__all__ = ["debias"]


def debias(
    backbone: Backbone,
    plan: Plan,
    config: EmcidConfig,
    counter: Counter,
    *,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None = None,
    tolerance: float = 0.05,
    rounds: int = 10,
) -> Debiased:
    """Carry out a plan, count, and correct the factors of all sources that are not yet near, until all are.

    Values are learned once, in the first round; every other costs one closed-form solve and the counting. Sources are
    counted in each other's company, as they are in the end (the release searches each alone, then joins them).

    Args:
        tolerance: how near a share has to come.
        rounds: times of counting at most. The settings' factors, or the wanted shares, are the start.

    Raises:
        PlanError: the plan debiases nothing, or does not fit the model.
        ValueError: no round is asked for.
    """
    wanted = {edit.source: edit.over for edit in plan.edits if edit.over is not None}
    if not wanted:
        raise PlanError(f"{plan.at('edits')}: nothing is debiased; write debias: and over: {{phrase: share, ...}}")
    starts = {s: [config.factors[s][d] for d in over] if s in config.factors else None for s, over in wanted.items()}
    walks = {source: walk(tuple(over.values()), starts[source]) for source, over in wanted.items()}
    factors = {source: dict(zip(wanted[source], next(steps), strict=True)) for source, steps in walks.items()}
    best: Debiased | None = None
    for count in range(1, rounds + 1):
        settings = config.model_copy(update={"factors": factors})
        patch = fit(backbone, plan, settings, store=store, progress=progress, captions=captions)
        shares = counter(patch)
        error = deviation(shares, wanted)
        if best is None or error < best.error:
            best = Debiased(patch, factors, shares, error, count)
        best = Debiased(best.patch, best.factors, best.shares, best.error, count)
        far = [s for s, over in wanted.items() if not near_enough(shares[s], over, tolerance, counter.pictures)]
        if not far:
            break
        factors = {**factors}
        for s in far:
            tried = walks[s].send(tuple(shares[s][name] for name in wanted[s]))
            factors[s] = dict(zip(wanted[s], tried, strict=True))
    if best is None:
        raise ValueError("at least one round is needed")
    return best
