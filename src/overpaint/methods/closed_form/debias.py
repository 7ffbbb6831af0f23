"""Shares found by measuring and correcting (UCE, arXiv 2308.14761, section on debiasing).

A debiased source c is read as ``g = c + sum_k a_k e_k``, with e_k the destinations' states. Text states alone do not
say what share of pictures that gives. Whoever can draw and grade gives a function from a patch to shares; this module
knows neither pictures nor graders. Each round solves anew from the original matrices, all sources together, with
``a_k <- a_k + step (wanted_k - measured_k)`` for every source whose shares are not yet near.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from overpaint.backbone.backbone import Backbone
from overpaint.errors import PlanError
from overpaint.methods.closed_form import uce
from overpaint.methods.closed_form.aims import aims_of
from overpaint.methods.closed_form.config import MapConfig
from overpaint.methods.debiasing import Debiased, Shares, deviation
from overpaint.methods.store import MemoryStore
from overpaint.patch import Patch
from overpaint.plan import Plan
from overpaint.progress import Progress

__all__ = ["debias"]


def debias(
    backbone: Backbone,
    plan: Plan,
    config: MapConfig,
    measure: Callable[[Patch], Shares],
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
        measure: shares of each debiased source on the patched model; equal seeds every time make the search smooth.
        tolerance: a source whose shares are all that near is left as it is.
        rounds: measurements at most.
        step: how far a missing share moves a factor; the settings' factors, or the text side's, are the start.

    Raises:
        PlanError: the plan debiases nothing, or does not fit the model.
    """
    wanted = {edit.source: edit.over for edit in plan.edits if edit.over is not None}
    if not wanted:
        raise PlanError(f"{plan.at('edits')}: nothing is debiased; write debias: and over: {{phrase: share, ...}}")
    aims = {aim.source: aim for aim in aims_of(backbone.readings[0].readers[0], plan, config) if aim.keep}
    factors = {source: dict(aims[source].parts) for source in wanted}
    best: Debiased | None = None
    for count in range(1, rounds + 1):
        settings = config.model_copy(update={"factors": factors})
        patch = uce.fit(backbone, plan, settings, store=store, progress=progress, captions=captions)
        shares = measure(patch)
        error = deviation(shares, wanted)
        chosen = best if best is not None and best.error <= error else Debiased(patch, factors, shares, error, count)
        best = Debiased(chosen.patch, chosen.factors, chosen.shares, chosen.error, count)
        far = [s for s, over in wanted.items() if max(abs(shares[s][d] - w) for d, w in over.items()) > tolerance]
        if not far:
            break
        factors = {
            s: {d: a + step * (wanted[s][d] - shares[s][d]) for d, a in old.items()} if s in far else old
            for s, old in factors.items()
        }
    if best is None:
        raise ValueError("at least one round is needed")
    return best
