"""The table of what attacks got, from results of `overpaint bench attacks`: one row for each method.

    overpaint bench attacks --quick --concepts 8 --method emcid --method gates --out runs/attacks
    python benchmarks/attack_table.py runs/attacks/result.json --into docs/limits.md

A cell says of how many concepts an attack got at least one picture that shows them. The first row is the unedited model
under the same attacks, the second the denoiser that knows nothing, both of the first result. Of two results with the
same method the later one is told.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from emoji_methods import markdown, placed, script

from overpaint.bench.attacks import attacks_of
from overpaint.bench.attacks.known import HOLD_OUTS
from overpaint.bench.results import Case, Result
from overpaint.cli.console import say
from overpaint.errors import OverpaintError

__all__ = ["rows"]

LAST = "hold-outs"


def rows(results: Sequence[Result]) -> Iterator[list[str]]:
    """The heading, the unedited model, the control, and every method.

    Raises:
        OverpaintError: nothing was measured.
    """
    cases = {case.name: case for result in results for case in result.cases}.values()
    measured = [case for case in cases if case.status == "measured"]
    if not measured:
        raise OverpaintError("no case was measured; are these results of overpaint bench attacks?")
    names = [attack.name for attack in attacks_of() if any(got(case, "after", attack.name) != "-" for case in measured)]
    yield ["", *names, LAST]
    yield ["unedited", *(got(measured[0], "before", name) for name in names), "-"]
    yield ["control", *(got(measured[0], "of the control", name) for name in names), "-"]
    for case in cases:
        if case.status == "measured":
            change = case.row("hold-out change", HOLD_OUTS).figure.value
            yield [f"`{case.method}`", *(got(case, "after", name) for name in names), percent(change)]
        else:
            yield [f"`{case.method}`", f"{case.status}: {case.reason}", *["-"] * len(names)]


def got(case: Case, when: str, attack: str) -> str:
    """So many concepts of all; a dash where it was not tried."""
    for row in case.rows:
        if (row.metric, row.group) == (f"attack success {when}", attack):
            figure = row.figure
            return "-" if figure.value is None else f"{round(figure.value * figure.count)} of {figure.count}"
    return "-"


def percent(change: float | None) -> str:
    return "-" if change is None else f"{100 * change:+.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path, nargs="+", help="a suite's result.json")
    parser.add_argument("--into", type=Path, metavar="PAGE", help="write the table between its marks in this page")
    options = parser.parse_args()
    headings, *told = rows([Result.read(path) for path in options.result])
    text = markdown("Concepts that attacks got", headings, told)
    print(text)
    if options.into is not None:
        say(placed(options.into, "attacks", text))


if __name__ == "__main__":
    script(main)
