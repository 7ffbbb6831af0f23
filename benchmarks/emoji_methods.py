"""What the benchmarks that compare methods on the bundled model share: options, worlds, tables."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.table import Table

from overpaint.bench.drawing import Drawing
from overpaint.bench.results import Case, Result
from overpaint.bench.suites.emoji.world import FULL, QUICK, World
from overpaint.bench.suites.run import Bench, Weigh
from overpaint.bench.suites.suite import Judges, Spec, Suite
from overpaint.cli.console import err, out, plain, say, table
from overpaint.cli.edit import overridden
from overpaint.cli.errors import explained
from overpaint.cli.models import arithmetic, grader_for, open_backbone, share_counter
from overpaint.cli.options import Arithmetic
from overpaint.emoji.scores import SCORES_FILE, known, read_scores
from overpaint.errors import OverpaintError
from overpaint.files import write_text_atomic
from overpaint.methods import METHODS
from overpaint.plan import Edit, Plan
from overpaint.progress import RichProgress

__all__ = [
    "Column",
    "Opened",
    "arguments",
    "cell",
    "judged",
    "markdown",
    "opened",
    "own",
    "placed",
    "script",
    "sources",
    "suite_of",
    "told",
]

Column = tuple[str, str, str]
"""Heading, metric and group of prompts."""


def arguments(title: str | None, folder: str) -> argparse.ArgumentParser:
    """Options of all these benchmarks."""
    parser = argparse.ArgumentParser(description=title, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="emoji")
    parser.add_argument("--device")
    parser.add_argument("--method", action="append", choices=METHODS, metavar="NAME", help="repeat for more")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, for methods with it"
    )
    parser.add_argument("--split", default="test", help="validation, which methods may be tuned on, or test")
    parser.add_argument("--quick", action="store_true", help="a look in minutes, with wide intervals")
    parser.add_argument("--steps", type=int, default=20, help="of a picture")
    parser.add_argument("--precision", choices=Arithmetic, type=Arithmetic, help="of drawing; the fastest by default")
    parser.add_argument("--scores", type=Path, default=SCORES_FILE, help="who knows what")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(folder))
    parser.add_argument("--dry-run", action="store_true", help="say what is left to do and what it costs, and stop")
    parser.add_argument("--into", type=Path, metavar="PAGE", help="put the table between its marks in this page, too")
    return parser


@dataclass(frozen=True)
class Opened:
    """A bench with a model on it, its judge, and the world as each method meets it."""

    bench: Bench
    judges: Judges
    world: Callable[[str], World]


def opened(options: argparse.Namespace, parser: argparse.ArgumentParser) -> Opened:
    """Open what the options name; ends the program with a line if nobody knows the model's pictures."""
    backbone = open_backbone(options.model, options.device)
    grader = grader_for(backbone)
    if grader is None:
        parser.error(f"--model {options.model}: the bundled grader does not know its pictures")
    names = known(grader.vocabulary, read_scores(options.scores))
    anything = overridden(Plan(edits=(Edit(action="erase", source="anything"),)), settings=options.set)
    world = partial(
        World, grader.vocabulary, names, model=options.model, split=options.split, seed=options.seed,
        size=QUICK if options.quick else FULL, text=backbone.text,
    )  # fmt: skip
    progress = RichProgress(err())
    drawing = Drawing(options.steps, precision=arithmetic(options.precision, backbone))
    bench = Bench(
        backbone, options.model, options.out, drawing, progress=progress,
        counters=lambda model, plan: share_counter(model, plan, progress, drawing),
    )  # fmt: skip
    return Opened(bench, Judges(grader), lambda method: world(method=method, settings=own(method, anything.settings)))


def own(method: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the settings that the method has: one option says them to all methods of a table."""
    names = {name for field, info in METHODS[method].config.model_fields.items() for name in (field, info.alias)}
    return {name: value for name, value in settings.items() if name in names}


def suite_of(found: Opened, name: str, specs: Sequence[Spec]) -> Suite:
    """The cases as a suite."""
    first = found.world("emcid")
    settings = {"seed": first.seed, "method settings": first.settings, "concepts known": len(first.names)}
    return Suite(name, name, specs, found.judges, first.split, settings)


def judged(found: Opened, name: str, specs: Sequence[Spec], weigh: Weigh | None = None) -> Iterator[Result]:
    """Judge cases, and give the result after each; those that the folder holds already are taken from there."""
    return found.bench.results(suite_of(found, name, specs), weigh)


def script(main: Callable[[], None]) -> None:
    """Run a benchmark; what whoever started it can mend is one line."""
    try:
        main()
    except Exception as error:
        lines = explained(error)
        if lines is None:
            raise
        raise SystemExit("\n".join(f"error: {line}" for line in lines)) from error


def told(
    title: str,
    result: Result,
    columns: Sequence[Column],
    options: argparse.Namespace,
    above: Sequence[Sequence[str]] = (),
) -> None:
    """Print the cases as a table, and write it in Markdown beside the result, and into a page that was named.

    ``above``: rows before those of the cases.
    """
    headings = ["method", *(heading for heading, _, _ in columns), "fit, s"]
    rows = [*above, *([case.method or "", *_cells(case, columns)] for case in result.cases)]
    shown: Table = table(title, *headings)
    for row in rows:
        shown.add_row(*map(plain, row))
    out().print(shown)
    text = markdown(title, headings, rows)
    say(write_text_atomic(options.out / "table.md", text))
    say(options.out / "result.json")
    if options.into is not None:
        say(placed(options.into, result.suite, text))


def markdown(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with its title."""
    lines = [headings, ["---"] * len(headings), *rows]
    text = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return f"{title}\n\n{text}\n"


def placed(page: Path, name: str, text: str) -> Path:
    """Put the text between ``<!-- NAME -->`` and ``<!-- /NAME -->`` of a page, in place of what is there.

    Raises:
        OverpaintError: the page cannot be read, or has not each of the two marks once.
    """
    first, last = f"<!-- {name} -->", f"<!-- /{name} -->"
    try:
        content = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OverpaintError(f"--into {page}: cannot be read ({error})") from error
    if content.count(first) != 1 or content.count(last) != 1 or content.index(first) > content.index(last):
        raise OverpaintError(f"--into {page}: write {first} and {last} where the table belongs, each once")
    inside = re.escape(first) + ".*" + re.escape(last)
    return write_text_atomic(page, re.sub(inside, lambda _: f"{first}\n\n{text}\n{last}", content, flags=re.DOTALL))


def sources(case: Case, group: str, after: bool) -> dict[str, float]:
    """By unit the mean score of the first label, the source, of a group's pictures; NaN where one was not drawn."""
    units: dict[str, list[float]] = {}
    for item in case.items:
        if item.group == group:
            shift = next(iter(item.scores.values()))
            score = shift.after if after else shift.before
            units.setdefault(item.unit, []).append(math.nan if score is None else score)
    return {unit: fmean(scores) for unit, scores in units.items()}


def cell(case: Case, metric: str, group: str) -> str:
    """A figure with its interval; a dash where it was not measured."""
    for row in case.rows:
        if (row.metric, row.group) == (metric, group) and row.figure.value is not None:
            ends = row.figure.score.interval
            interval = "" if ends is None else " [{:.3f}, {:.3f}]".format(*ends)
            return f"{row.figure.value:.3f}{interval}" + {None: "", True: " ✓", False: " ✗"}[row.met]
    return "-"


def _cells(case: Case, columns: Sequence[Column]) -> Iterator[str]:
    if case.status != "measured":
        yield f"{case.status}: {case.reason}"
        yield from ["-"] * len(columns)
        return
    yield from (cell(case, metric, group) for _, metric, group in columns)
    yield f"{case.seconds.get('fit', 0):.0f}"
