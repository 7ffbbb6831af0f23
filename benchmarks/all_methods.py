"""All methods at 1, 10, 100 and 300 replacements of the bundled model (erasures, for those that only erase).

    python benchmarks/all_methods.py --dry-run
    python benchmarks/all_methods.py --into README.md --plot docs/images/all_methods.svg
    python benchmarks/all_methods.py --method emcid --method uce --edits 10 --quick

Writes ``table.md`` and a plot after every case, between the marks of a page if one is named, and ``result.json`` with
every figure, interval and picture. A stopped benchmark goes on with the same command. What would take longer than
``--budget`` by its method's smaller case is not begun, and a plan that a method refuses stands in the table with the
reason.

Only some of the edits and of the hold-outs are drawn (``--draw``, ``--holdouts``); the intervals say what that costs.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from os.path import relpath
from pathlib import Path

from emoji_costs import priced
from emoji_methods import arguments, cell, judged, markdown, opened, placed, script
from emoji_plot import plot

from overpaint.backbone.backbone import Backbone
from overpaint.bench.results import Case, Result
from overpaint.bench.suites.emoji.sizes import at_sizes, skipped
from overpaint.bench.suites.emoji.world import FULL, QUICK
from overpaint.bench.suites.run import PATCHES
from overpaint.bench.suites.suite import Spec
from overpaint.cli.console import say
from overpaint.errors import PatchError, PlanError
from overpaint.files import write_text_atomic
from overpaint.guards import load_change
from overpaint.methods import work_of

NAME = "all methods"
METHODS = (
    "emcid", "emcid-paper", "emcid-copy", "gates", "uce", "time", "rece", "speed", "oce", "mace-cfr", "refact",
    "ablation", "esd-x", "esd-u", "sld", "negative",
)  # fmt: skip
EDITS = (1, 10, 100, 300)
SIZE = replace(FULL, singles=4, drawn=16, free_form=2, holdout_templates=1, single_holdouts=59)
"""Each patch draws whole batches of 64: 5 prompts of a single edit with 59 hold-outs, 80 of many with 48."""
HOLDOUTS = 48
HEADINGS = (
    "method", "edits", "model", "P(destination) / C, templates", "free form", "P(source) left", "hold-outs", "s", "MB",
)  # fmt: skip


def main() -> None:
    parser = arguments(__doc__, "runs/bench/all_methods")
    parser.add_argument("--edits", type=int, action="append", help=f"repeat for more; {EDITS} by default")
    parser.add_argument("--budget", type=float, default=600.0, help="seconds that a fit may take")
    parser.add_argument("--draw", type=int, help=f"edits of each plan; {SIZE.drawn} by default")
    parser.add_argument("--holdouts", type=int, help=f"drawn after several edits; {HOLDOUTS} by default")
    parser.add_argument("--erase", action="store_true", help="erasures by all, and not by those alone that only erase")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="where the plot goes; beside the result by default")
    options = parser.parse_args()
    found = opened(options, parser)
    size = replace(QUICK if options.quick else SIZE, replacements=tuple(sorted(options.edits or EDITS)))
    size = replace(size, drawn=options.draw or size.drawn)
    holdouts = options.holdouts or (QUICK.holdouts if options.quick else HOLDOUTS)
    worlds = [replace(found.world(method), size=size) for method in options.method or METHODS]
    specs = [spec for world in worlds for spec in at_sizes(world, holdouts, options.erase)]
    if priced(found, NAME, specs, options, options.budget):
        return
    sizes: dict[Path, tuple[str, int]] = {}
    efforts = {spec.name: effort(found.bench.backbone, spec) for spec in specs}
    for result in judged(found, NAME, specs, partial(affordable, budget=options.budget, efforts=efforts)):
        weigh(options.out / PATCHES, sizes)
        write(result, dict(sizes.values()), options)
    say(options.out / "table.md")


def affordable(spec: Spec, done: Sequence[Case], budget: float, efforts: Mapping[str, int]) -> Spec:
    """The case, or a skipped one if it would take too long by the largest one of its method that was fitted.

    ``efforts``: evaluations of the denoiser by case; where a method makes none, edits count.
    """
    fitted = [case for case in done if case.method == spec.method and case.status == "measured"]
    if not fitted:
        return spec
    last = max(fitted, key=lambda case: case.edits)
    before, after = efforts.get(last.name, 0), efforts.get(spec.name, 0)
    times = after / before if before and after else spec.edits / last.edits
    expected = fit_seconds(last) * times
    return skipped(spec, f"about {expected:,.0f} s") if expected > budget else spec


def effort(backbone: Backbone, spec: Spec) -> int:
    """Evaluations of the denoiser for one patch of a case; 0 if a plan is refused."""
    try:
        return sum(work_of(backbone, plan).evaluations for plan in spec.parts[0].plans)
    except PlanError:
        return 0


def fit_seconds(case: Case) -> float:
    """Seconds of one patch: single edits are fitted each by itself."""
    return case.seconds.get("fit", 0.0) / max(1, (case.patch or "").count("+") + 1)


def weigh(folder: Path, known: dict[Path, tuple[str, int]]) -> None:
    """Add hash and bytes of the patches that are not known yet."""
    for path in set(folder.glob("*.safetensors")) - known.keys():
        with suppress(PatchError):
            known[path] = load_change(path).hash, path.stat().st_size


def write(result: Result, sizes: dict[str, int], options: argparse.Namespace) -> None:
    """Table and plot of what is there; ``sizes`` are bytes of patches by hash."""
    picture = options.plot or options.out / "curves.svg"
    plot(result, picture)
    title = f"All methods on the bundled model, {result.split} split; intervals at 95 %."
    text = markdown(title, HEADINGS, list(_rows(result, sizes)))
    write_text_atomic(options.out / "table.md", text)
    if options.into is not None:
        seen = Path(relpath(picture, options.into.parent)).as_posix()
        shown = f"![Destinations and hold-outs over the number of edits]({seen})"
        folded = f"<details><summary>Figures of all methods</summary>\n\n{text}\n</details>"
        placed(options.into, NAME, f"{shown}\n\n{folded}\n")


def _rows(result: Result, sizes: dict[str, int]) -> Iterator[list[str]]:
    for case in result.cases:
        row = [case.method or "", f"{case.edits} {case.task}{'s' * (case.edits > 1)}"]
        if case.status != "measured":
            yield [*row, f"{case.status}: {case.reason}", *["-"] * (len(HEADINGS) - 3)]
            continue
        hashes = (case.patch or "").split("+")
        size = sum(sizes.get(name, 0) for name in hashes) / len(hashes)
        yield [
            *row,
            case.verdict,
            cell(case, "P(destination) / C", "templates"),
            cell(case, "P(destination) / C", "free form"),
            cell(case, "P(source) left", "templates"),
            cell(case, "hold-out change", "hold-outs"),
            f"{fit_seconds(case):.1f}",
            f"{size / 1e6:.2f}",
        ]


if __name__ == "__main__":
    script(main)
