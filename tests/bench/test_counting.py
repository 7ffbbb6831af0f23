"""What a search for shares draws, before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from overpaint.bench.counting import counting_work
from overpaint.bench.drawing import Drawing
from overpaint.methods.debiasing import Shares
from overpaint.methods.work import Work
from overpaint.patch import Patch
from overpaint.plan import Plan
from tests.methods.tiny import tiny_backbone

EDITS: list[dict[str, Any]] = [
    {"debias": "dog", "over": {"cat": 0.5, "hen": 0.5}},
    {"replace": "pizza", "with": "cat"},
    {"debias": "kitchen", "over": {"cat": 0.5, "hen": 0.5}},
]


class Counter:
    """Counts so many pictures of each source."""

    key = "counter"

    def __call__(self, patch: Patch, sources: Sequence[str], numbers: range) -> Shares:
        raise AssertionError("nothing is drawn beforehand")


@pytest.mark.parametrize(
    ("method", "settings", "each"),
    [
        ("uce", {}, 4 * 16 + 5 * 48),
        ("uce", {"count_pictures": 12, "count_rounds": 3}, 2 + 2 * 6),
        ("emcid", {}, 10 * 96),
        ("emcid", {"count_pictures": 20, "count_rounds": 2}, 40),
    ],
)
def test_all_rounds_of_all_sources_are_counted(method: str, settings: dict[str, Any], each: int) -> None:
    backbone, drawing = tiny_backbone(), Drawing(steps=5)
    plan = Plan.parse({"method": method, "edits": EDITS, "settings": settings})
    found = counting_work(backbone, plan, Counter(), drawing)
    assert found.pictures == 2 * each
    assert found.evaluations == found.pictures * drawing.evaluations(backbone)
    assert found.disk == 0


@pytest.mark.parametrize(
    ("method", "edits", "counter"),
    [("uce", EDITS, None), ("uce", EDITS[1:2], Counter()), ("mace-cfr", EDITS, Counter())],
)
def test_where_nothing_is_counted_there_is_no_work(method: str, edits: list[dict[str, Any]], counter: Any) -> None:
    plan = Plan.parse({"method": method, "edits": edits})
    assert counting_work(tiny_backbone(), plan, counter, Drawing()) == Work()
