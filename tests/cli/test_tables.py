"""What a run tells at its end."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from overpaint.cli.tables import summary
from overpaint.plan import Edit, Plan

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


def told(counted: dict[str, Any] | None) -> str:
    console = Console(width=100, record=True, file=None, force_terminal=False)
    with console.capture() as seen:
        console.print(summary(PLAN, METRICS, counted))
    return seen.get()


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
