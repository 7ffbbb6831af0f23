"""What a run tells at its end."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from overpaint.bench.report import Line, Report
from overpaint.bench.results import Case
from overpaint.bench.scores import mean
from overpaint.cli.results import cases
from overpaint.cli.tables import figures, summary
from overpaint.plan import Edit, Plan
from tests.report.worlds import result, row

PLAN = Plan(
    edits=(
        Edit(action="replace", source="dog", destination="robot"),
        Edit(action="debias", source="pilot", over={"man": 0.5, "woman": 0.5}, kind="profession"),
    )
)
PAIR = {"before": 0.125, "after": 0.875}


def _graded(name: str) -> dict[str, Any]:
    return {"P(source)": PAIR, "P(destination)": {name: PAIR}, "C": None}


METRICS: dict[str, Any] = {
    "figures": [],
    "details": {
        "edits": [
            {"action": "replace", "source": "dog", "templates": _graded("robot")},
            {"action": "debias", "source": "pilot", "templates": _graded("man")},
        ]
    },
}


def text_of(table: Table) -> str:
    console = Console(width=100, record=True, file=None, force_terminal=False)
    with console.capture() as seen:
        console.print(table)
    return seen.get()


def told(counted: dict[str, Any] | None) -> str:
    return text_of(summary(PLAN, METRICS, counted))


def test_probabilities_stand_where_nothing_was_counted() -> None:
    text = told(None)
    assert "man: 0.12 → 0.88" in text
    assert "pictures" not in text


def test_counted_shares_stand_in_place_of_the_probabilities_of_a_picture() -> None:
    text = told({"shares": {"pilot": {"man": 0.53125, "woman": 0.46875}}, "pictures": 32})
    assert "man: 53% of 32 pictures" in text
    assert "woman: 47% of 32 pictures" in text
    assert "man: 0.12" not in text
    assert text.count("0.12 → 0.88") == 3


def test_one_edit_alone_has_no_interval_in_any_table() -> None:
    rows = (row("source forget", "templates", [1.0]), row("source forget", "free form", [0.25, 1.0]))
    case = Case(name="emcid/replacement/1", task="replacement", rows=rows)
    found = Report("the model", (Line("plain", mean([1.0])), Line("free", mean([0.25, 1.0])), Line("none", mean([]))))
    for table in (*cases(result(case)), figures(found)):
        text = text_of(table)
        assert text.count("one only: no interval") == 1
        assert "0.250 .. 1.000" in text
        assert "1.000 .. 1.000" not in text
