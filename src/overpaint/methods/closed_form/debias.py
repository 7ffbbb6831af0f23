"""Shares found by measuring and correcting (UCE, arXiv 2308.14761, section on debiasing).

A debiased source c is read as ``g = c + sum_k a_k e_k``, with e_k the destinations' states. Text states alone do not
say what share of pictures that gives. Whoever can draw and grade gives a function from a patch to shares; this module
knows neither pictures nor graders. Each round solves anew from the original matrices, all sources together, with
``a_k <- a_k + step (wanted_k - measured_k)`` for every source whose shares are not yet near.

Three things are ours. Factors are corrected as if each source were alone, and what the others do to it is made up for
(`company`), so that a source stays where it is while others are corrected. What is tried next is the source's own
(`steps`), for sources answer very differently. And no factor leaves ``[-limit, limit]``: those of a source that does
not answer at all would grow round by round until the map is of nothing else, and the rest of the model is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from overpaint.backbone.backbone import Backbone
from overpaint.methods.closed_form import uce
from overpaint.methods.closed_form.aims import aims_of
from overpaint.methods.closed_form.company import company_of
from overpaint.methods.closed_form.config import MapConfig
from overpaint.methods.closed_form.steps import walk, within
from overpaint.methods.debiasing import Counter, Debiased, Factors, balanced, shares_of
from overpaint.methods.store import MemoryStore
from overpaint.patch import Patch
from overpaint.plan import Plan
from overpaint.progress import Progress

__all__ = ["debias"]


def debias(
    backbone: Backbone,
    plan: Plan,
    config: MapConfig,
    counter: Counter,
    *,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None = None,
    tolerance: float = 0.05,
    rounds: int = 16,
    step: float = 4.0,
    limit: float = 8.0,
) -> Debiased:
    """Carry out a plan with factors under which all its debiased sources come out in the wanted shares.

    Args:
        tolerance: a source whose shares are all that near is left as it is.
        rounds: times of counting at most.
        step: how far a missing share moves a factor at first, more than 1 as what is kept holds a part of it back; the
            settings' factors, or the text side's, are the start.
        limit: how far a factor goes at most, either way, alone and in company.

    Raises:
        PlanError: the plan debiases nothing, or does not fit the model.
        ValueError: no round is asked for.
    """
    wanted = shares_of(plan)
    aims = {aim.source: aim for aim in aims_of(backbone.readings[0].readers[0], plan, config) if aim.keep}
    starts = {source: {name: dict(aims[source].parts)[name] for name in over} for source, over in wanted.items()}
    company = company_of(backbone, plan, config, store=store, progress=progress, captions=captions)
    starts = company.undone(starts)
    walks = {s: walk(tuple(over.values()), tuple(starts[s].values()), step, limit) for s, over in wanted.items()}

    def asked(factors: Factors) -> Factors:
        made_up = company.made_up(factors)
        return {s: {name: within(a, limit) for name, a in over.items()} for s, over in made_up.items()}

    def fitted(factors: Factors) -> Patch:
        settings = config.model_copy(update={"factors": asked(factors)})
        return uce.fit(backbone, plan, settings, store=store, progress=progress, captions=captions)

    found = balanced(fitted, walks, wanted, counter, tolerance, rounds)
    return replace(found, factors=asked(found.factors))
