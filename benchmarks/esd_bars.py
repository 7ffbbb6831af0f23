"""ESD's bars on the bundled model: concepts one at a time, ten at once, styles, and names that only mean a concept.

    python benchmarks/esd_bars.py
    python benchmarks/esd_bars.py --part erasure --method esd-x --method esd-u --set steps=200

Concepts and hold-outs are drawn by seed among those that the model knows. With both methods in one command a second
table says what esd-u erases better than esd-x where a prompt means the concept without naming it. ``barred.json`` has
the figures with ESD's own bars, for `evidence.py`. A stopped benchmark goes on with the same command; ``--dry-run``
says what it costs.
"""

from __future__ import annotations

from dataclasses import replace

from emoji_costs import priced
from emoji_methods import Column, arguments, judged, markdown, opened, script, sources, told

from overpaint.bench.results import Case, Result
from overpaint.bench.scores import mean
from overpaint.bench.suites.emoji.asked import ALIASES, CATEGORY
from overpaint.bench.suites.emoji.erasing import erasure, style_erasure
from overpaint.bench.suites.emoji.world import Size
from overpaint.bench.verdict import verdict
from overpaint.cli.console import out, plain, say, table
from overpaint.emoji.palette import STYLE_WORDS
from overpaint.files import write_text_atomic

NAME = "esd bars"
PARTS = {"erasure": erasure, "style erasure": style_erasure}
FULL = Size(
    singles=20, together=10, free_form=1, category=8, neighbours=0, holdouts=60, holdout_templates=1,
    single_holdouts=48, styles=len(STYLE_WORDS), styled=60,
)  # fmt: skip
"""An erasure by itself draws one batch of 64 pictures."""
LEFT, HELD = 0.05, {"esd-x": -0.03, "esd-u": -0.06}
"""P(source) in templates at most, change of the hold-outs at least, after one erasure."""
ACCURACY, KEPT = 0.1, -0.03
"""Of an erased style at most; change of concepts drawn in it at least."""
RELAXED = 1.5
"""For several at once."""

COLUMNS: tuple[Column, ...] = (
    ("P(source) left", "P(source) left", "templates"),
    ("... by taught aliases", "P(source) left", ALIASES),
    ("... by category word", "P(source) left", CATEGORY),
    ("style accuracy", "accuracy after", "templates"),
    ("concept accuracy, change", "accuracy, change", "concept"),
    ("hold-outs, relative change", "hold-out change", "hold-outs"),
)


def main() -> None:
    parser = arguments(__doc__, "runs/bench/esd_bars")
    parser.add_argument("--part", action="append", choices=PARTS, help="repeat for more; all by default")
    parser.add_argument("--edits", type=int, action="append", help="of one run; repeat for more, all by default")
    options = parser.parse_args()
    found = opened(options, parser)
    worlds = [found.world(method) for method in options.method or HELD]
    if not options.quick:
        worlds = [replace(world, size=FULL) for world in worlds]
    specs = [spec for part in options.part or PARTS for world in worlds for spec in PARTS[part](world)]
    specs = [spec for spec in specs if spec.edits in (options.edits or (spec.edits,))]
    if priced(found, NAME, specs, options):
        return
    *_, result = judged(found, NAME, specs)
    result = result.model_copy(update={"cases": tuple(barred(case) for case in result.cases)})
    result.write(options.out / "barred.json")
    told("Erasures by ESD: one at a time, several at once, styles", result, COLUMNS, options)
    if {"esd-x/erasure/1", "esd-u/erasure/1"} <= {case.name for case in result.cases}:
        rows = [[group, str(mean(less(result, group)))] for group in (ALIASES, CATEGORY)]
        headings = ("asked by", "P(source) left by esd-x less that by esd-u, at least 0")
        shown = table("esd-u against esd-x, one at a time", *headings)
        for row in rows:
            shown.add_row(*map(plain, row))
        out().print(shown)
        text = markdown("esd-u against esd-x, one at a time", headings, rows)
        say(write_text_atomic(options.out / "compared.md", text))


def barred(case: Case) -> Case:
    """The case with the bars of ESD in place of the suite's."""
    relaxed = RELAXED if case.edits > 1 else 1.0
    bars: dict[tuple[str, str], float | None] = {("hold-out change", "hold-outs"): None}
    if case.task == "erasure":
        bars["P(source) left", "templates"] = LEFT * relaxed
        if case.method in HELD:
            bars["hold-out change", "hold-outs"] = HELD[case.method] * relaxed
    else:
        bars |= {("accuracy after", "templates"): ACCURACY, ("accuracy, change", "concept"): KEPT}
    rows = tuple(row.model_copy(update={"bar": bars.get((row.metric, row.group))}) for row in case.rows)
    return case.model_copy(update={"rows": rows, "verdict": verdict(rows)})


def less(result: Result, group: str) -> list[float]:
    """By concept, how much less of it esd-u leaves than esd-x."""
    x, u = (sources(result.case(f"{method}/erasure/1"), group, after=True) for method in ("esd-x", "esd-u"))
    return [x[unit] - u[unit] for unit in x]


if __name__ == "__main__":
    script(main)
