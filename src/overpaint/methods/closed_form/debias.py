"""Shares found by measuring and correcting (UCE, arXiv 2308.14761, section on debiasing).

A debiased source c is read as ``g = c + sum_k a_k e_k``, with e_k the destinations' states. Text states alone do not
say what share of pictures that gives. Whoever can draw and grade gives a function from a patch to shares; this module
knows neither pictures nor graders. Each round solves anew from the original matrices, all sources together, with
``a_k <- a_k + step (wanted_k - measured_k)`` for every source whose shares are not yet near.
"""

from __future__ import annotations

from collections.abc import Sequence

from overpaint.backbone.backbone import Backbone
from overpaint.methods.closed_form import uce
from overpaint.methods.closed_form.aims import aims_of
from overpaint.methods.closed_form.config import MapConfig
from overpaint.methods.debiasing import Counter, Debiased, Factors, Walk, balanced, shares_of
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
    rounds: int = 30,
    step: float = 1.0,
) -> Debiased:
    """Carry out a plan with factors under which all its debiased sources come out in the wanted shares.

    Args:
        tolerance: a source whose shares are all that near is left as it is.
        rounds: times of counting at most.
        step: how far a missing share moves a factor; the settings' factors, or the text side's, are the start.

    Raises:
        PlanError: the plan debiases nothing, or does not fit the model.
        ValueError: no round is asked for.
    """
    wanted = shares_of(plan)
    aims = {aim.source: aim for aim in aims_of(backbone.readings[0].readers[0], plan, config) if aim.keep}
    starts = {source: tuple(dict(aims[source].parts)[name] for name in over) for source, over in wanted.items()}
    walks = {source: _walk(tuple(over.values()), starts[source], step) for source, over in wanted.items()}

    def fitted(factors: Factors) -> Patch:
        settings = config.model_copy(update={"factors": factors})
        return uce.fit(backbone, plan, settings, store=store, progress=progress, captions=captions)

    return balanced(fitted, walks, wanted, counter, tolerance, rounds)


def _walk(wanted: tuple[float, ...], factors: tuple[float, ...], step: float) -> Walk:
    while True:
        counted = yield factors
        factors = tuple(a + step * (w - c) for a, w, c in zip(factors, wanted, counted, strict=True))
