"""What a benchmark that compares methods will cost, before it begins."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

from emoji_methods import Opened, suite_of
from rich.table import Table

from overpaint.bench.counting import counting_work
from overpaint.bench.suites.cost import cost
from overpaint.bench.suites.suite import Spec
from overpaint.cli.console import out, table
from overpaint.errors import OverpaintError
from overpaint.methods import configure, method_of
from overpaint.plan import Plan

__all__ = ["evaluations", "priced"]

HEADINGS = ("method", "cases", "pictures", "evaluations to fit", "pictures counted", "minutes")


def priced(
    found: Opened, name: str, specs: Sequence[Spec], options: argparse.Namespace, budget: float = math.inf
) -> bool:
    """With ``--dry-run``, print what is left to do, method by method, and say so.

    Cases are left out one of whose plans takes more than ``budget`` seconds. Minutes are those of pictures and
    evaluations, by one batch that is timed, searches for shares at their longest. What methods do in text alone is not
    in them.
    """
    if not options.dry_run:
        return False
    bench, suite = found.bench, suite_of(found, name, specs)
    whole = cost(bench, suite)
    each = (whole.seconds or 0.0) / max(1, whole.work.evaluations)
    picture = bench.drawing.evaluations(bench.backbone) * each
    artist = bench.artist()
    finished = {case.name for case in bench.finished(suite, artist)}
    left = [
        spec
        for spec in specs
        if spec.name not in finished
        and all(evaluations(found, plan) * each <= budget for part in spec.parts for plan in part.plans)
    ]
    rows = []
    for method in dict.fromkeys(spec.method or "" for spec in left):
        own = [spec for spec in left if spec.method == method]
        plans = [plan for spec in own for part in spec.parts for plan in part.plans]
        pictures = sum(len({(p.prompt, p.seed) for p in part.probes}) for spec in own for part in spec.parts)
        work = sum(evaluations(found, plan) for plan in plans)
        counted = sum(counted_pictures(found, plan) for plan in plans)
        rows.append([method, len(own), pictures, work, counted, ((pictures + counted) * picture + work * each) / 60])
    asked = [probe for spec in left for part in spec.parts for probe in (*part.probes, *part.before)]
    before = len(artist.missing(asked))
    rows.append(["the unedited model", 0, before, 0, 0, before * picture / 60])
    rows.append(["all", *(sum(row[column] for row in rows) for column in range(1, len(HEADINGS)))])
    beyond = whole.cases - whole.finished - len(left)
    title = f"{name}: {whole.cases} cases, {whole.finished} finished, {beyond} too long; at most, as fast as now"
    shown: Table = table(title, *HEADINGS)
    for row in rows:
        shown.add_row(row[0], *(f"{number:,}" for number in row[1:-1]), f"{row[-1]:,.1f}")
    out().print(shown)
    return True


def counted_pictures(found: Opened, plan: Plan) -> int:
    """That a search for shares draws while the plan is carried out, at most."""
    bench = found.bench
    counter = None if bench.counters is None else bench.counters(bench.backbone, plan)
    return counting_work(bench.backbone, plan, counter, bench.drawing).pictures


def evaluations(found: Opened, plan: Plan) -> int:
    """Of the denoiser, to carry a plan out, at most; a plan that the method refuses takes none."""
    backbone = found.bench.backbone
    try:
        return method_of(plan).work(backbone, plan, configure(plan, backbone)).evaluations
    except OverpaintError:
        return 0
