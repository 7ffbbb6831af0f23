"""Debiased concepts of a plan, all of them together, with factors under which they come out in the wanted shares."""

from __future__ import annotations

from collections.abc import Sequence

from overpaint.backbone.backbone import Backbone
from overpaint.methods.debiasing import Counter, Debiased, Factors, shares_of
from overpaint.methods.emcid.balance import walk
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.fit import fit
from overpaint.methods.emcid.rounds import balanced
from overpaint.methods.store import MemoryStore
from overpaint.patch import Patch
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
) -> Debiased:
    """Carry out a plan with factors under which all its debiased sources come out in the wanted shares.

    Values are learned once, in the first round; every other costs one closed-form solve and the counting. The settings'
    factors, or the wanted shares, are the start.

    Raises:
        PlanError: the plan debiases nothing, or does not fit the model.
    """
    wanted = shares_of(plan)
    starts = {s: [config.factors[s][d] for d in over] if s in config.factors else None for s, over in wanted.items()}
    walks = {source: walk(tuple(over.values()), starts[source]) for source, over in wanted.items()}

    def fitted(factors: Factors) -> Patch:
        settings = config.model_copy(update={"factors": factors})
        return fit(backbone, plan, settings, store=store, progress=progress, captions=captions)

    return balanced(fitted, walks, wanted, counter, config)
