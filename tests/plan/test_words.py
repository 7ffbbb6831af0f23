from __future__ import annotations

import pytest

from overpaint.plan import Edit
from overpaint.plan.words import asked


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"action": "replace", "source": "dog", "destination": "robot"}, "replace dog with robot"),
        ({"action": "erase", "source": "pizza"}, "erase pizza"),
        ({"action": "erase", "source": "pizza", "destination": "salad"}, "erase pizza to salad"),
        ({"action": "erase", "source": "hat", "within": "cowboy"}, "erase hat from cowboy"),
        ({"action": "rectify", "source": "aubergine", "destination": "eggplant"}, "rectify aubergine as eggplant"),
        ({"action": "moderate", "source": "weapon", "members": ("sword",)}, "moderate weapon, sword"),
        (
            {"action": "debias", "source": "pilot", "over": {"man": 0.25, "woman": 0.75}},
            "debias pilot over man 0.25, woman 0.75",
        ),
    ],
)
def test_an_edit_reads_as_in_a_plan(edit: dict[str, object], words: str) -> None:
    assert asked(Edit.model_validate(edit)) == words
