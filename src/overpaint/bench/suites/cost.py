"""What a suite will cost, before it begins."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from overpaint.bench.artist import Artist
from overpaint.bench.suites.run import Bench
from overpaint.bench.suites.suite import Suite

__all__ = ["Cost", "cost"]

STEPS = (1, 3)
"""Two short drawings tell a step's time from that of all else."""


@dataclass(frozen=True)
class Cost:
    """Work that is left.

    Attributes:
        cases, finished: all, and those that the result file holds.
        plans, edits: to be fitted.
        pictures: to be drawn, the unedited model's once; those after an edit as if none were there yet.
        steps: denoiser steps of all of them, and what attacks search with: two evaluations count as a guided step.
        seconds: to draw and search here, from one measured batch; fitting is not in it. None if nothing was timed.
        disk: bytes of the pictures, roughly.
    """

    cases: int
    finished: int
    plans: int
    edits: int
    pictures: int
    steps: int
    seconds: float | None
    disk: int


def cost(bench: Bench, suite: Suite, timed: bool = True) -> Cost:
    """Count, and time one batch."""
    artist = bench.artist()
    finished = {case.name for case in bench.finished(suite, artist)}
    left = [spec for spec in suite.specs if spec.name not in finished]
    before = {name for spec in left for part in spec.parts for name in artist.missing((*part.probes, *part.before))}
    after = sum(len({(p.prompt, p.seed) for p in part.probes}) for spec in left for part in spec.parts)
    plans = {plan.fingerprint(): len(plan.edits) for spec in left for part in spec.parts for plan in part.plans}
    assaults = [assault for spec in left for part in spec.parts for assault in part.attacks]
    # before each edit and after it; what the unedited model was asked before is not subtracted
    pictures = len(before) + after + 2 * sum(assault.attack.pictures for assault in assaults)
    # a search before and one after, of single evaluations, of which a guided step has two
    steps = pictures * bench.drawing.steps + sum(assault.attack.work for assault in assaults)
    seconds = None
    if timed and pictures:
        seconds = _seconds_each(artist) * steps / bench.drawing.steps
    _, height, width = artist.backbone.latent_shape
    return Cost(
        cases=len(suite.specs),
        finished=len(finished),
        plans=len(plans),
        edits=sum(plans.values()),
        pictures=pictures,
        steps=steps,
        seconds=seconds,
        disk=pictures * height * width * 64,  # 8x8 pixels a latent place, about a byte each as PNG
    )


def _seconds_each(artist: Artist) -> float:
    """Seconds a picture takes: a line through two short drawings of one batch."""
    taken = []
    for steps in STEPS:
        start = time.monotonic()
        drawing = replace(artist.drawing, steps=steps)
        drawing.images(artist.backbone, [""] * artist.batch, list(range(artist.batch)), batch=artist.batch)
        taken.append(time.monotonic() - start)
    step = max(0.0, (taken[1] - taken[0]) / (STEPS[1] - STEPS[0]))
    rest = max(0.0, taken[0] - step * STEPS[0])
    return (rest + step * artist.drawing.steps) / artist.batch
