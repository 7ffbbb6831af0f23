"""All methods at 1, 10, 100 and 300 replacements of the bundled model (erasures, for those that only erase).

    python benchmarks/all_methods.py --dry-run
    python benchmarks/all_methods.py --method emcid --method uce --edits 10 --quick
    python benchmarks/all_methods.py --method uce --evidence docs/evidence/all-methods.json --into README.md \
        --plot docs/images/all_methods.svg

Writes ``table.md`` and a plot after every case, between the marks of a page if one is named, and ``result.json`` with
every figure, interval and picture. A stopped benchmark goes on with the same command. What would take longer than
``--budget`` by its method's smaller case is not begun, and a plan that a method refuses stands in the table with the
reason.

With ``--evidence FILE`` the cases are put among those that the file holds, each in the place of what was measured of
the same method, task and number of edits before, and table and plot show all of them. ``--merge`` does so with results
that there are and runs nothing; without any, it makes table and plot anew.

Only some of the edits and of the hold-outs are drawn (``--draw``, ``--holdouts``); the intervals say what that costs.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from emoji_costs import priced
from emoji_kept import METHODS, Weighed, fit_seconds, kept, merged, weigh
from emoji_methods import arguments, judged, opened, script
from emoji_plot import plot
from emoji_table import into_page, table_of

from overpaint.backbone.backbone import Backbone
from overpaint.bench.results import Case, Result
from overpaint.bench.suites.emoji.sizes import at_sizes, skipped
from overpaint.bench.suites.emoji.world import FULL, QUICK
from overpaint.bench.suites.run import PATCHES
from overpaint.bench.suites.suite import Spec
from overpaint.cli.console import say
from overpaint.errors import OverpaintError, PlanError
from overpaint.files import write_text_atomic
from overpaint.methods import work_of

NAME = "all methods"
EDITS = (1, 10, 100, 300)
SIZE = replace(FULL, singles=4, drawn=16, free_form=2, holdout_templates=1, single_holdouts=59)
"""Each patch draws whole batches of 64: 5 prompts of a single edit with 59 hold-outs, 80 of many with 48."""
HOLDOUTS = 48


def main() -> None:
    parser = arguments(__doc__, "runs/bench/all_methods")
    parser.add_argument("--edits", type=int, action="append", help=f"repeat for more; {EDITS} by default")
    parser.add_argument("--budget", type=float, default=600.0, help="seconds that a fit may take")
    parser.add_argument("--draw", type=int, help=f"edits of each plan; {SIZE.drawn} by default")
    parser.add_argument("--holdouts", type=int, help=f"drawn after several edits; {HOLDOUTS} by default")
    parser.add_argument("--erase", action="store_true", help="erasures by all, and not by those alone that only erase")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="where the plot goes; beside the result by default")
    parser.add_argument("--evidence", type=Path, metavar="FILE", help="other runs' cases, for these to be put among")
    parser.add_argument(
        "--merge", type=Path, nargs="*", metavar="RESULT",
        help="run nothing: put the cases of these result.json, if any, into the evidence and the table",
    )  # fmt: skip
    options = parser.parse_args()
    if options.merge is not None:
        say(write([kept(Result.read(path), weigh(path.parent / PATCHES, {})) for path in options.merge], options))
        return
    found = opened(options, parser)
    size = replace(QUICK if options.quick else SIZE, replacements=tuple(sorted(options.edits or EDITS)))
    size = replace(size, drawn=options.draw or size.drawn)
    holdouts = options.holdouts or (QUICK.holdouts if options.quick else HOLDOUTS)
    worlds = [replace(found.world(method), size=size) for method in options.method or METHODS]
    specs = [spec for world in worlds for spec in at_sizes(world, holdouts, options.erase)]
    if priced(found, NAME, specs, options, options.budget):
        return
    patches: dict[Path, tuple[str, Weighed]] = {}
    efforts = {spec.name: effort(found.bench.backbone, spec) for spec in specs}
    for result in judged(found, NAME, specs, partial(affordable, budget=options.budget, efforts=efforts)):
        shown = write([kept(result, weigh(options.out / PATCHES, patches))], options)
    say(shown)


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


def write(results: Sequence[Result], options: argparse.Namespace) -> Path:
    """Evidence, table and plot of these results and of what the evidence held before; gives the table's file.

    Raises:
        OverpaintError: there is nothing to show, or the results do not belong into one table.
    """
    if options.evidence is not None and options.evidence.is_file():
        results = [Result.read(options.evidence), *results]
    if not results:
        raise OverpaintError("--merge: nothing to show; name result.json files, or --evidence FILE with earlier cases")
    result = merged(results)
    if options.evidence is not None:
        result.write(options.evidence)
    picture = options.plot or options.out / "curves.svg"
    plot(result, picture)
    table = table_of(result)
    path = write_text_atomic(options.out / "table.md", table)
    if options.into is not None:
        into_page(options.into, NAME, table, picture)
    return path


if __name__ == "__main__":
    script(main)
