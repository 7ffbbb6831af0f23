from __future__ import annotations

import math
from typing import Any

from overpaint.patch.provenance import added, summands, well_formed


def test_what_a_sum_is_made_of_comes_in_order_however_deep_it_lies() -> None:
    a, b, c = ({"method": name} for name in "abc")
    assert summands(a) == [a]
    assert summands({"sum": [a, {"sum": [b, {"sum": []}, a]}, c]}) == [a, b, a, c]
    deep: dict[str, Any] = a
    for _ in range(5000):
        deep = {"sum": [deep]}
    assert summands(deep) == [a]
    assert well_formed(deep)


def test_a_sum_of_sums_is_one_sum() -> None:
    a, b, c = ({"method": name} for name in "abc")
    assert added(added(a, b), added(c, a)) == {"sum": [a, b, c, a]}
    scaled = {**added(a, b), "scale": 0.5}
    assert added(scaled, c) == {"sum": [scaled, c]}


def test_what_no_patch_says_is_told() -> None:
    strange: list[dict[str, Any]] = [
        {"sum": 3},
        {"sum": {}},
        {"sum": [3]},
        {"sum": [{"sum": ["x"]}]},
        {"scale": None},
        {"scale": math.inf},
        {"scale": math.nan},
        {"scale": -(10**400)},
    ]
    for wrong in strange:
        assert not well_formed(wrong), wrong
    assert well_formed({"sum": [{"scale": 0.5}, {"scale": 2}]})
