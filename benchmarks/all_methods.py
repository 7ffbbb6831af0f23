"""All methods at 1, 10, 100 and 300 replacements of the bundled model (erasures, for those that only erase).

    python benchmarks/all_methods.py
    python benchmarks/all_methods.py --method emcid --method uce --edits 10 --quick

Writes ``table.md`` for the README and ``result.json`` with every figure, interval and picture. A stopped benchmark goes
on with the same command. What would take longer than ``--budget`` by its method's smaller case is not begun, and a plan
that a method refuses stands in the table with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from emoji_methods import Opened, arguments, cell, judged, markdown, opened

from overpaint.bench.results import Case, Result
from overpaint.bench.suites.emoji.sizes import at_sizes, skipped
from overpaint.bench.suites.run import PATCHES, RESULT
from overpaint.bench.suites.suite import Spec
from overpaint.cli.console import say
from overpaint.errors import OverpaintError, PatchError
from overpaint.guards import load_change
from overpaint.methods import METHODS

EDITS = (1, 10, 100, 300)
HEADINGS = ("method", "edits", "P(destination) / C, templates", "free form", "P(source) left", "hold-outs", "s", "MB")


def main() -> None:
    parser = arguments(__doc__, "runs/bench/all_methods")
    parser.add_argument("--edits", type=int, action="append", help=f"repeat for more; {EDITS} by default")
    parser.add_argument("--budget", type=float, default=7200.0, help="seconds that a fit may take")
    options = parser.parse_args()
    found = opened(options, parser)
    numbers = tuple(sorted(options.edits or EDITS))
    worlds = [found.world(method) for method in options.method or METHODS]
    sized = [replace(world, size=replace(world.size, replacements=numbers)) for world in worlds]
    planned = [spec for world in sized for spec in at_sizes(world)]
    result = earlier(options.out / RESULT)
    there = {case.name for case in result.cases} if result else set()
    for last in range(len(planned)):
        # what an earlier command judged stays in the file from the start
        chosen = [spec for number, spec in enumerate(planned) if number <= last or spec.name in there]
        result = judged(found, "all methods", [affordable(spec, result, options.budget) for spec in chosen])
        write(result, found, options.out)
    say(options.out / "table.md")


def earlier(path: Path) -> Result | None:
    """What an earlier command left."""
    try:
        return Result.read(path)
    except OverpaintError:
        return None


def affordable(spec: Spec, result: Result | None, budget: float) -> Spec:
    """The case, or a skipped one if it would take too long by the largest one of its method that was fitted."""
    done = [case for case in result.cases if case.method == spec.method and case.status == "measured"] if result else []
    if not done or spec.name in {case.name for case in done}:
        return spec
    last = max(done, key=lambda case: case.edits)
    each = fit_seconds(last) / last.edits
    expected = each * spec.edits
    return skipped(spec, f"about {expected:,.0f} s, by {each:.0f} s for each edit") if expected > budget else spec


def fit_seconds(case: Case) -> float:
    """Seconds of one patch: single edits are fitted each by itself."""
    return case.seconds.get("fit", 0.0) / max(1, (case.patch or "").count("+") + 1)


def write(result: Result, found: Opened, folder: Path) -> None:
    """The table of what is there."""
    sizes = dict(_sizes(folder / PATCHES))
    rows = []
    for case in result.cases:
        row = [case.method or "", f"{case.edits} {case.task}s"]
        if case.status != "measured":
            rows.append([*row, f"{case.status}: {case.reason}", "-", "-", "-", "-", "-"])
            continue
        hashes = (case.patch or "").split("+")
        size = sum(sizes.get(name, 0) for name in hashes) / len(hashes)
        rows.append([
            *row,
            cell(case, "P(destination) / C", "templates"),
            cell(case, "P(destination) / C", "free form"),
            cell(case, "P(source) left", "templates"),
            cell(case, "hold-out change", "hold-outs"),
            f"{fit_seconds(case):.1f}",
            f"{size / 1e6:.2f}",
        ])  # fmt: skip
    title = f"All methods on the bundled model, {found.world('emcid').split} split; intervals at 95 %"
    markdown(folder / "table.md", title, HEADINGS, rows)


def _sizes(folder: Path) -> Iterator[tuple[str, int]]:
    """Bytes of patches by hash."""
    for path in folder.glob("*.safetensors"):
        try:
            yield load_change(path).hash, path.stat().st_size
        except PatchError:
            continue


if __name__ == "__main__":
    main()
