"""Several methods on the same edits, the same hold-outs and the same seeds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.bench.edits import EditSuite, evaluate_before, evaluate_edits
from overpaint.bench.grader import ConceptGrader
from overpaint.bench.pairs import Selection
from overpaint.bench.report import Report
from overpaint.methods import fit
from overpaint.plan import Plan
from overpaint.progress import Progress

__all__ = ["compare"]


def compare(
    backbone: StableDiffusion,
    grader: ConceptGrader,
    plans: Sequence[Plan],
    selection: Selection,
    suite: EditSuite | None = None,
    progress: Progress | None = None,
) -> list[Report]:
    """Fit plans that differ in method and settings alone, and judge each against one look at the unedited model."""
    before = evaluate_before(backbone, grader, plans[0].edits, selection.holdouts, suite, progress)
    reports = []
    for plan in plans:
        start = time.monotonic()
        patch = fit(backbone, plan, progress=progress)
        seconds = time.monotonic() - start
        report = evaluate_edits(backbone, patch, grader, before, progress, total=len(plan.edits))
        made = {"method": plan.method, "settings": plan.settings, "seconds to fit": round(seconds, 1)}
        destinations = "of the source's subgroup" if selection.near else "any outside the source's subgroup"
        reports.append(
            replace(
                report,
                title=f"{report.title} by {plan.method}, fitted in {seconds:.0f} s",
                settings=report.settings | made | {"model": backbone.fingerprint, "destinations": destinations},
            )
        )
    return reports
