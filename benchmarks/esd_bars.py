"""ESD's bars on the bundled model: concepts one at a time, ten at once, styles, and names that only mean a concept.

    python benchmarks/esd_bars.py --part single --method esd-x --method esd-u
    python benchmarks/esd_bars.py --part together --part styles --set steps=200

Every part prints a table with bars and writes JSON with all details after each report. Concepts and hold-outs are drawn
by seed among those that the model knows. With both methods in one command, single erasures end with what esd-u erases
better than esd-x where a prompt means the concept without naming it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from overpaint.bench.drawing import Drawing
from overpaint.bench.erasing import ALIASES, BARS, CATEGORY, Erased, ErasureSuite, erase_concepts, erase_style
from overpaint.bench.pairs import SCORES_FILE, choose, known, read_scores
from overpaint.bench.report import Line, Report
from overpaint.bench.scores import mean
from overpaint.cli.console import err, out
from overpaint.cli.edit import overridden
from overpaint.cli.models import grader_for, open_backbone
from overpaint.cli.tables import figures
from overpaint.emoji.palette import STYLE_WORDS
from overpaint.files import write_json_atomic
from overpaint.methods import TransientStore, fit
from overpaint.patch import Patch
from overpaint.plan import Edit, Plan
from overpaint.progress import RichProgress

PARTS = ("single", "together", "styles")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="emoji")
    parser.add_argument("--device")
    parser.add_argument("--part", action="append", choices=PARTS, help="repeat for more; all by default")
    parser.add_argument("--method", action="append", help="repeat for more; esd-x and esd-u by default")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the methods")
    parser.add_argument("--concepts", type=int, default=20)
    parser.add_argument("--together", type=int, default=10)
    parser.add_argument("--holdouts", type=int, default=60)
    parser.add_argument("--steps", type=int, default=20, help="of a picture")
    parser.add_argument("--scores", type=Path, default=SCORES_FILE)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/bench/esd_bars.json"))
    options = parser.parse_args()

    backbone = open_backbone(options.model, options.device)
    grader = grader_for(backbone)
    if grader is None:
        parser.error(f"--model {options.model}: the bundled grader does not know its pictures")
    names = known(grader.vocabulary, read_scores(options.scores))
    selection = choose(
        grader.vocabulary, names, max(options.concepts, options.together), options.holdouts, options.seed
    )
    sources = [source for source, _ in selection.pairs]
    suite = ErasureSuite(seed=options.seed, drawing=Drawing(options.steps))
    progress = RichProgress(err())
    store = TransientStore()  # variants share their trajectories
    reports: list[Report] = []
    seconds: list[float] = []

    def tell(report: Report) -> None:
        settings = report.settings | {"settings": options.set, "seconds to fit": [round(s, 1) for s in seconds]}
        reports.append(Report(report.title, report.lines, settings, report.details))
        seconds.clear()
        out().print(figures(reports[-1]))
        write_json_atomic(options.out, [one.to_data() for one in reports])

    erased: dict[str, Erased] = {}
    for method in options.method or ["esd-x", "esd-u"]:

        def fitted(edits: Sequence[Edit], method: str = method) -> Patch:
            plan = Plan(model=options.model, method=method, edits=tuple(edits), seed=options.seed)
            start = time.monotonic()
            patch = fit(backbone, overridden(plan, settings=options.set), store=store, progress=progress)
            seconds.append(time.monotonic() - start)
            assert isinstance(patch, Patch)
            return patch

        parts = options.part or PARTS
        common = {"hold": BARS.get(method), "progress": progress}
        if "single" in parts:
            title = f"{options.concepts} concepts one at a time by {method}"
            report, erased[method] = erase_concepts(
                backbone, grader, fitted, sources[: options.concepts], selection.holdouts, suite, title=title, **common
            )
            tell(report)
        if "together" in parts:
            title = f"{options.together} concepts at once by {method}"
            several = sources[: options.together]
            report, _ = erase_concepts(
                backbone, grader, fitted, several, selection.holdouts, suite, together=True, title=title, **common
            )
            tell(report)
        for style in STYLE_WORDS if "styles" in parts else ():
            title = f"style {style} by {method}"
            tell(erase_style(backbone, grader, fitted, style, suite, title=title, progress=progress))
    if {"esd-x", "esd-u"} <= set(erased):
        tell(compared(erased["esd-x"], erased["esd-u"], options.seed))


def compared(x: Erased, u: Erased, seed: int) -> Report:
    """How much less of the same concepts esd-u leaves in prompts that do not name them."""
    lines = []
    for group in (ALIASES, CATEGORY):
        less = [x.after[group][name] - u.after[group][name] for name in x.after[group]]
        lines.append(Line(f"{group}: P(source) left by esd-x less that by esd-u", mean(less, seed), 0.0))
    return Report("esd-u against esd-x", tuple(lines))


if __name__ == "__main__":
    main()
