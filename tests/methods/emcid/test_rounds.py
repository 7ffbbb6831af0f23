"""All sources are counted together, and of each what comes nearest is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from overpaint.methods.debiasing import CountedConfig, Factors, Shares
from overpaint.methods.emcid.balance import Walk
from overpaint.methods.emcid.rounds import balanced, near_enough


def test_near_enough_is_what_counts_can_be() -> None:
    wanted = {"a": 0.5, "b": 0.5}
    assert near_enough({"a": 12 / 25, "b": 13 / 25}, wanted, 0.02, 25)
    assert not near_enough({"a": 11 / 25, "b": 14 / 25}, wanted, 0.02, 25)
    assert not near_enough({"a": 0.47, "b": 0.53}, wanted, 0.02, 1000)


class Drawn:
    """Shares of "a" that a source comes out in, by the factors of all."""

    key = "drawn"

    def __init__(self, **shares: Callable[[Factors], float]) -> None:
        self.shares = shares
        self.asked: list[tuple[str, ...]] = []
        self.factors: list[Factors] = []

    def __call__(self, patch: Any, sources: Sequence[str], numbers: range) -> Shares:
        assert numbers == range(1000)
        self.asked.append(tuple(sources))
        self.factors.append(patch)
        return {s: {"a": (share := self.shares[s](patch)), "b": 1 - share} for s in sources}


def steps(*factors: float) -> Walk:
    for factor in factors:
        yield factor, 1 - factor


def search(drawn: Drawn, walks: dict[str, Walk], rounds: int = 10) -> Any:
    fitted: Any = dict
    config = CountedConfig(count_pictures=1000, count_rounds=rounds)
    return balanced(fitted, walks, {source: {"a": 0.5, "b": 0.5} for source in walks}, drawn, config)


def test_what_is_near_is_counted_again_only_at_the_end_and_with_the_patch_that_is_left() -> None:
    drawn = Drawn(near=lambda f: f["near"]["a"], far=lambda f: f["far"]["a"])
    found = search(drawn, {"near": steps(0.5), "far": steps(0.9, 0.7, 0.52)})
    assert drawn.asked == [("near", "far"), ("far",), ("far",), ("near",)]
    assert found.patch == drawn.factors[-1] == {"near": {"a": 0.5, "b": 0.5}, "far": {"a": 0.52, "b": 0.48}}
    assert found.shares == {"near": {"a": 0.5, "b": 0.5}, "far": {"a": 0.52, "b": 0.48}}
    assert (found.rounds, found.error) == (3, pytest.approx(0.02))


def test_what_another_one_has_moved_away_is_corrected() -> None:
    drawn = Drawn(one=lambda f: f["one"]["a"] + (f["two"]["a"] == 0.5) * 0.2, two=lambda f: f["two"]["a"])
    found = search(drawn, {"one": steps(0.5, 0.3), "two": steps(0.8, 0.5)})
    assert drawn.asked == [("one", "two"), ("two",), ("one",), ("one",), ("two",)]
    assert found.shares["one"]["a"] == 0.5


def test_one_that_has_nothing_left_to_try_does_not_keep_the_others_from_being_counted_again() -> None:
    drawn = Drawn(
        deaf=lambda f: 0.0,
        one=lambda f: f["one"]["a"] + (f["two"]["a"] == 0.5) * 0.2,
        two=lambda f: f["two"]["a"],
    )
    deaf = steps(0.6, *[0.9] * 8)
    found = search(drawn, {"deaf": deaf, "one": steps(0.5, 0.3), "two": steps(0.8, 0.5)})
    assert found.shares["one"]["a"] == found.shares["two"]["a"] == 0.5
    assert found.factors["deaf"]["a"] == 0.9
    assert sum("deaf" in sources for sources in drawn.asked) <= 4
    assert found.rounds < 10


def test_a_search_that_is_cut_short_takes_of_each_source_what_came_nearest() -> None:
    drawn = Drawn(one=lambda f: f["one"]["a"], two=lambda f: f["two"]["a"])
    found = search(drawn, {"one": steps(0.1, 0.6, 0.2, 0.3), "two": steps(0.3, 0.0, 0.4, 0.1)}, rounds=4)
    assert {source: factors["a"] for source, factors in found.factors.items()} == {"one": 0.6, "two": 0.4}
    assert found.shares["one"]["a"] == 0.6
    assert drawn.asked[-1] == ("one", "two")
