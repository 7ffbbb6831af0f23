"""What a suite will cost, before it begins."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from overpaint.backbone.backbone import Backbone
from overpaint.bench.artist import Artist
from overpaint.bench.suites.run import Bench
from overpaint.bench.suites.suite import Suite
from overpaint.errors import PlanError
from overpaint.methods import work_of
from overpaint.methods.work import Work
from overpaint.plan import Plan

__all__ = ["Cost", "cost"]

STEPS = (1, 3)
"""Two short drawings tell a step's time from that of all else."""


@dataclass(frozen=True)
class Cost:
    """Work that is left.

    Attributes:
        cases, finished: all, and those that the result file holds.
        plans, edits: to be fitted.
        work: fits, as if none had been begun; pictures, the unedited model's once, those after an edit as if none were
            there yet; what attacks search with. Weights and memory are those of the largest fit.
        seconds: of all evaluations here, and of what else drawing takes, from one measured batch; what methods do in
            text alone is not in it. None if nothing was timed.
    """

    cases: int
    finished: int
    plans: int
    edits: int
    work: Work
    seconds: float | None


def cost(bench: Bench, suite: Suite, timed: bool = True) -> Cost:
    """Count, and time one batch."""
    artist = bench.artist()
    finished = {case.name for case in bench.finished(suite, artist)}
    left = [spec for spec in suite.specs if spec.name not in finished]
    before = {name for spec in left for part in spec.parts for name in artist.missing((*part.probes, *part.before))}
    after = sum(len({(p.prompt, p.seed) for p in part.probes}) for spec in left for part in spec.parts)
    plans = {plan.fingerprint(): plan for spec in left for part in spec.parts for plan in part.plans}
    assaults = [assault for spec in left for part in spec.parts for assault in part.attacks]
    # before each edit and after it; what the unedited model was asked before is not subtracted
    pictures = len(before) + after + 2 * sum(assault.attack.pictures for assault in assaults)
    # a search before and one after
    searched = Work(evaluations=2 * sum(assault.attack.work for assault in assaults))
    drawn = bench.drawing.work(artist.backbone, pictures)
    work = _fits(artist.backbone, plans.values()).then(drawn).then(searched)
    return Cost(
        cases=len(suite.specs),
        finished=len(finished),
        plans=len(plans),
        edits=sum(len(plan.edits) for plan in plans.values()),
        work=work,
        seconds=_seconds(artist, work) if timed else None,
    )


def _fits(backbone: Backbone, plans: Iterable[Plan]) -> Work:
    """All plans one after the other, but for those that the run will skip as well."""
    total = Work()
    for plan in plans:
        try:
            total = total.then(work_of(backbone, plan))
        except PlanError:
            continue
    return total


def _seconds(artist: Artist, work: Work) -> float:
    """A line through two short drawings of one batch: what an evaluation takes, and what else a picture takes."""
    if not work.evaluations:
        return 0.0
    taken = []
    for steps in STEPS:
        start = time.monotonic()
        drawing = replace(artist.drawing, steps=steps)
        drawing.images(artist.backbone, [""] * artist.batch, list(range(artist.batch)), batch=artist.batch)
        taken.append(time.monotonic() - start)
    step = max(0.0, (taken[1] - taken[0]) / (STEPS[1] - STEPS[0]))
    rest = max(0.0, taken[0] - step * STEPS[0])
    evaluation = step * artist.drawing.steps / artist.drawing.evaluations(artist.backbone)
    return (rest * work.pictures + evaluation * work.evaluations) / artist.batch
