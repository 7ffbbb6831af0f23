"""What a suite will cost, before it begins."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import reduce

from overpaint.backbone.backbone import Backbone
from overpaint.bench.artist import Artist
from overpaint.bench.attacks.judged import siege_work
from overpaint.bench.counting import counting_work
from overpaint.bench.suites.run import Bench
from overpaint.bench.suites.suite import Suite
from overpaint.errors import PlanError
from overpaint.methods import precision_of, work_of
from overpaint.methods.pace import exact_seconds, trained_seconds
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
        work: fits, as if none had been begun, and what searches for shares count at most; pictures, the unedited
            model's once, those after an edit and those that attacks ask for as if none were there yet, in whole
            batches; what attacks search with. Weights and memory are those of the largest fit.
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
    parts = [part for spec in left for part in spec.parts]
    plans = {plan.fingerprint(): plan for part in parts for plan in part.plans}
    before = {name for part in parts for name in artist.missing((*part.probes, *part.before))}
    batches, searches = [len(before)], Work()
    for part in parts:
        given, asked, controls, searched = siege_work(part.attacks)
        after = len({(probe.prompt, probe.seed) for probe in part.probes})
        batches += [given, asked, asked + after, controls]
        searches = searches.then(searched)
    fits = _fits(bench, plans.values())
    drawn = bench.drawing.work(artist.backbone, sum(batches))
    # batches are filled up
    rows = sum(-(-count // artist.batch) for count in batches) * artist.batch
    drawn = replace(drawn, evaluations=rows * bench.drawing.evaluations(artist.backbone))
    return Cost(
        cases=len(suite.specs),
        finished=len(finished),
        plans=len(plans),
        edits=sum(len(plan.edits) for plan in plans.values()),
        work=fits.then(drawn).then(searches),
        seconds=_seconds(artist, fits, drawn, searches, _precision(artist.backbone, plans.values())) if timed else None,
    )


def _fits(bench: Bench, plans: Iterable[Plan]) -> Work:
    """All plans one after the other, but for those that the run will skip as well."""
    works = []
    for plan in plans:
        with suppress(PlanError):
            counter = None if bench.counters is None else bench.counters(bench.backbone, plan)
            counted = counting_work(bench.backbone, plan, counter, bench.drawing)
            works.append(work_of(bench.backbone, plan).then(counted))
    return _all(works)


def _all(works: Iterable[Work]) -> Work:
    return reduce(Work.then, works, Work())


def _precision(backbone: Backbone, plans: Iterable[Plan]) -> str:
    """In which the plans are fitted; the slower one if they differ."""
    found = set()
    for plan in plans:
        with suppress(PlanError):
            found.add(precision_of(backbone, plan))
    return found.pop() if len(found) == 1 else "float32"


def _seconds(artist: Artist, fits: Work, drawn: Work, searches: Work, precision: str) -> float:
    """A line through two short drawings of one batch: what an evaluation takes, and what else a picture takes.

    Passes with gradients, and those in another precision, are timed by themselves. Searches are made in float32.
    """
    work = fits.then(drawn).then(searches)
    if not work.evaluations:
        return 0.0
    taken = []
    for steps in STEPS:
        start = time.monotonic()
        drawing = replace(artist.drawing, steps=steps)
        drawing.images(artist.backbone, [""] * artist.batch, list(range(artist.batch)), batch=artist.batch)
        taken.append(time.monotonic() - start)
    step = max(0.0, (taken[1] - taken[0]) / (STEPS[1] - STEPS[0]))
    rest = max(0.0, taken[0] - step * STEPS[0]) / artist.batch
    evaluation = step * artist.drawing.steps / artist.drawing.evaluations(artist.backbone) / artist.batch
    timed = trained_seconds(artist.backbone, fits, precision) + trained_seconds(artist.backbone, searches, "float32")
    timed += exact_seconds(artist.backbone, work)
    return rest * work.pictures + evaluation * (work.evaluations - work.trained - work.exact) + timed
