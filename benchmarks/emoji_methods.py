"""What the benchmarks that compare methods on the bundled model share: options, worlds, tables."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.table import Table

from overpaint.bench.drawing import Drawing
from overpaint.bench.pairs import SCORES_FILE, known, read_scores
from overpaint.bench.results import Case, Result
from overpaint.bench.suites.emoji.world import FULL, QUICK, World
from overpaint.bench.suites.run import Bench
from overpaint.bench.suites.suite import Judges, Spec, Suite
from overpaint.cli.console import err, out, plain, say, table
from overpaint.cli.edit import overridden
from overpaint.cli.models import grader_for, open_backbone, share_counter
from overpaint.files import write_text_atomic
from overpaint.methods import METHODS
from overpaint.plan import Edit, Plan
from overpaint.progress import RichProgress

__all__ = ["Column", "Opened", "arguments", "cell", "judged", "opened", "told"]

Column = tuple[str, str, str]
"""Heading, metric and group of prompts."""


def arguments(title: str | None, folder: str) -> argparse.ArgumentParser:
    """Options of all these benchmarks."""
    parser = argparse.ArgumentParser(description=title, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="emoji")
    parser.add_argument("--device")
    parser.add_argument("--method", action="append", choices=METHODS, metavar="NAME", help="repeat for more")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the methods")
    parser.add_argument("--split", default="test", help="validation, which methods may be tuned on, or test")
    parser.add_argument("--quick", action="store_true", help="a look in minutes, with wide intervals")
    parser.add_argument("--steps", type=int, default=20, help="of a picture")
    parser.add_argument("--scores", type=Path, default=SCORES_FILE, help="who knows what")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(folder))
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
        World, grader.vocabulary, names, model=options.model, settings=anything.settings, split=options.split,
        seed=options.seed, size=QUICK if options.quick else FULL, text=backbone.text,
    )  # fmt: skip
    progress = RichProgress(err())
    bench = Bench(
        backbone, options.model, options.out, Drawing(options.steps), progress=progress,
        counters=lambda model, plan: share_counter(model, plan, progress),
    )  # fmt: skip
    return Opened(bench, Judges(grader), lambda method: world(method=method))


def judged(found: Opened, name: str, specs: Sequence[Spec]) -> Result:
    """Judge cases; those that the folder holds already are taken from there."""
    first = found.world("emcid")
    settings = {"seed": first.seed, "method settings": first.settings, "concepts known": len(first.names)}
    return found.bench.run(Suite(name, name, specs, found.judges, first.split, settings))


def told(title: str, result: Result, columns: Sequence[Column], folder: Path) -> None:
    """Print the cases as a table, and write it in Markdown beside the result."""
    headings = ["method", *(heading for heading, _, _ in columns), "fit, s"]
    rows = [[case.method or "", *_cells(case, columns)] for case in result.cases]
    shown: Table = table(title, *headings)
    for row in rows:
        shown.add_row(*map(plain, row))
    out().print(shown)
    say(markdown(folder / "table.md", title, headings, rows))
    say(folder / "result.json")


def markdown(path: Path, title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    """Write a table."""
    lines = [headings, ["---"] * len(headings), *rows]
    text = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return write_text_atomic(path, f"{title}\n\n{text}\n")


def cell(case: Case, metric: str, group: str) -> str:
    """A figure with its interval; a dash where it was not measured."""
    for row in case.rows:
        if (row.metric, row.group) == (metric, group) and row.figure.value is not None:
            figure = row.figure
            met = {None: "", True: " ✓", False: " ✗"}[row.met]
            return f"{figure.value:.3f} [{_short(figure.low)}, {_short(figure.high)}]{met}"
    return "-"


def _cells(case: Case, columns: Sequence[Column]) -> Iterator[str]:
    if case.status != "measured":
        yield f"{case.status}: {case.reason}"
        yield from ["-"] * len(columns)
        return
    yield from (cell(case, metric, group) for _, metric, group in columns)
    yield f"{case.seconds.get('fit', 0):.0f}"


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
