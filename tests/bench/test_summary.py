from __future__ import annotations

from overpaint.bench.summary import short_suite, some_holdouts
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.plan import Plan

WORLD = Vocabulary.load()
PLAN = Plan.parse(
    {
        "edits": [
            {"erase": "Pizza"},
            {"rectify": "aubergine", "as": "eggplant"},
            {"debias": "pilot", "over": {"man pilot": 0.5, "woman pilot": 0.5}},
        ],
        "preserve": ["lion"],
    }
)


def test_holdouts_are_what_the_plan_does_not_mention() -> None:
    names = some_holdouts(WORLD, PLAN, count=len(WORLD))
    assert {"pizza", "eggplant", "man pilot", "woman pilot", "lion"}.isdisjoint(names)
    assert len(names) == len(WORLD) - 5


def test_holdouts_are_few_fixed_and_known() -> None:
    names = some_holdouts(WORLD, PLAN)
    assert len(names) == 24
    assert names == some_holdouts(WORLD, PLAN)
    assert some_holdouts(WORLD, PLAN, {"tiger": 0.9, "sun": 0.4}) == ("tiger",)


def test_few_edits_get_more_pictures_each() -> None:
    one = Plan.parse({"edits": [{"erase": "pizza"}]})
    many = Plan.parse({"edits": [{"erase": concept.name} for concept in WORLD.concepts[:100]]})
    assert [short_suite(plan).repeats for plan in (one, PLAN, many)] == [4, 1, 1]
    assert len(short_suite(many).drawn(many.edits)) == 24
