"""Factors are found by counting, for all debiased concepts together, and nothing is counted twice."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from overpaint.methods import TransientStore, fit
from overpaint.methods.debiasing import Factors, Remembered, Shares, Walk, balanced, deviation, near_enough
from overpaint.methods.emcid.balance import walk
from overpaint.patch import Patch
from overpaint.plan import Plan
from tests.methods.tiny import CAPTIONS, tiny_backbone

Ratio = Callable[[tuple[float, ...]], Sequence[float]]


def walked(ratio: Ratio, shares: Sequence[float], rounds: int, tolerance: float = 0.01) -> list[tuple[float, ...]]:
    """All factors tried until the shares are near."""
    steps = walk(shares)
    tried = [next(steps)]
    while len(tried) < rounds:
        counted = tuple(ratio(tried[-1]))
        if max(abs(c - s) for c, s in zip(counted, shares, strict=True)) <= tolerance:
            break
        tried.append(steps.send(counted))
    return tried


def women_only_late(factors: tuple[float, ...]) -> list[float]:
    """A model that draws women only when their factor is well above a half."""
    woman = 1 / (1 + math.exp(-12 * (factors[0] - 0.7)))
    return [woman, 1 - woman]


def test_two_destinations_are_bisected() -> None:
    tried = walked(women_only_late, [0.5, 0.5], 10)
    assert tried[0] == (0.5, 0.5)
    assert tried[-1][0] == pytest.approx(0.7, abs=0.02)
    assert len(tried) <= 8


def test_a_bracket_that_was_closed_by_chance_opens_again() -> None:
    """One wrong count early on must not keep the search from its end."""
    lies = iter([[0.9, 0.1]])
    tried = walked(lambda factors: next(lies, None) or women_only_late(factors), [0.5, 0.5], 40)
    assert len(tried) < 40
    assert tried[-1][0] == pytest.approx(0.7, abs=0.02)


def test_a_destination_that_its_own_value_does_not_draw_gets_more_than_all() -> None:
    """The woman comes out only where the line through both values goes on behind hers, or behind the man's."""

    def late(factors: tuple[float, ...]) -> list[float]:
        return women_only_late((factors[0] - 0.6, 0.0))

    tried = walked(late, [0.5, 0.5], 12)
    assert tried[-1][0] == pytest.approx(1.3, abs=0.02)
    assert sum(tried[-1]) == pytest.approx(1)
    tried = walked(lambda factors: late((1 - factors[0], 0.0))[::-1], [0.5, 0.5], 12)
    assert tried[-1][0] == pytest.approx(-0.3, abs=0.02)


def test_the_end_is_sought_near_a_measured_start() -> None:
    steps = walk([0.5, 0.5], [0.68, 0.32])
    tried = [next(steps)[0]]
    for _ in range(3):
        tried.append(steps.send(tuple(women_only_late((tried[-1], 0.0))))[0])
    assert tried[0] == 0.68
    assert max(abs(one - 0.7) for one in tried) < 0.1


def test_an_end_is_tried_at_once_where_hardly_anything_is_drawn() -> None:
    def never(factors: tuple[float, ...]) -> list[float]:
        return women_only_late((factors[0] - 0.6, 0.0))  # .03 of what is wanted at 1

    assert [one[0] for one in walked(never, [0.5, 0.5], 3)] == [0.5, 1.0, 1.5]
    assert [one[1] for one in walked(lambda f: never(f[::-1])[::-1], [0.5, 0.5], 3)] == [0.5, 1.0, 1.5]


def test_three_destinations_are_corrected_multiplicatively() -> None:
    bias = [2.0, 0.0, -1.0]

    def ratio(factors: tuple[float, ...]) -> list[float]:
        odds = [math.exp(b + 1.5 * math.log(f)) for b, f in zip(bias, factors, strict=True)]
        return [value / sum(odds) for value in odds]

    tried = walked(ratio, [0.2, 0.3, 0.5], 30)
    assert len(tried) < 30
    assert sum(tried[-1]) == pytest.approx(1)


def test_a_destination_that_never_shows_up_gets_more() -> None:
    def ratio(factors: tuple[float, ...]) -> list[float]:
        return [0.0, 0.5, 0.5] if factors[0] < 0.6 else [0.34, 0.33, 0.33]

    assert len(walked(ratio, [0.34, 0.33, 0.33], 10)) < 10


@pytest.mark.parametrize("shares", [[1.0], [0.5, 0.6], [-0.1, 1.1]])
def test_impossible_shares_are_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        walk(shares)


def test_near_enough_is_what_counts_can_be() -> None:
    wanted = {"a": 0.5, "b": 0.5}
    assert near_enough({"a": 12 / 25, "b": 13 / 25}, wanted, 0.02, 25)
    assert not near_enough({"a": 11 / 25, "b": 14 / 25}, wanted, 0.02, 25)
    assert not near_enough({"a": 0.47, "b": 0.53}, wanted, 0.02, 1000)


class Drawn:
    """Shares of "a" that a source comes out in, by the factors of all."""

    pictures, key = 1000, "drawn"

    def __init__(self, **shares: Callable[[Factors], float]) -> None:
        self.shares = shares
        self.asked: list[tuple[str, ...]] = []
        self.factors: list[Factors] = []

    def __call__(self, patch: Any, sources: Sequence[str], numbers: range | None = None) -> Shares:
        self.asked.append(tuple(sources))
        self.factors.append(patch)
        return {s: {"a": (share := self.shares[s](patch)), "b": 1 - share} for s in sources}


def steps(*factors: float) -> Walk:
    for factor in factors:
        yield factor, 1 - factor


def search(drawn: Drawn, walks: dict[str, Walk], rounds: int = 10) -> Any:
    fitted: Any = dict
    return balanced(fitted, walks, {source: {"a": 0.5, "b": 0.5} for source in walks}, drawn, 0.05, rounds)


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
    with pytest.raises(ValueError, match="at least one round"):
        search(drawn, {"one": steps(0.5)}, rounds=0)


WANTED = {"dog": {"cat": 0.5, "hens": 0.5}, "pizza": {"kitchen": 0.25, "photo": 0.75}}


class Taste:
    """Counts as a judge would who likes one destination better, by the factors in the patch's settings."""

    pictures = 400
    key = "taste"

    def __init__(self) -> None:
        self.seen: list[Patch] = []

    def __call__(self, patch: Patch, sources: Sequence[str], numbers: range | None = None) -> Shares:
        self.seen.append(patch)
        found = {}
        for source, over in ((source, WANTED[source]) for source in sources):
            first, second = over
            factors = patch.provenance["settings"]["factors"][source]
            share = 1 / (1 + math.exp(-8 * (factors[first] - 0.6)))
            share = round(share * self.pictures) / self.pictures
            found[source] = {first: share, second: 1 - share}
        return found


def plan(**settings: Any) -> Plan:
    edits = [{"debias": source, "over": over} for source, over in WANTED.items()]
    words = {"blocks": [0, 1], "values": "copy", **settings}
    return Plan.parse({"method": "emcid", "edits": [*edits, {"replace": "a", "with": "in"}], "settings": words})


def test_all_sources_are_balanced_together_and_the_patch_says_how() -> None:
    taste, store = Taste(), TransientStore()
    patch = fit(tiny_backbone(), plan(), store=store, captions=CAPTIONS, counter=taste)
    assert isinstance(patch, Patch)
    told = patch.provenance["debias"]
    assert deviation(taste(taste.seen[0], [*WANTED]), WANTED) > 0.3
    assert told["deviation"] < 0.1
    assert told["deviation"] == pytest.approx(deviation(told["shares"], WANTED))
    assert told["rounds"] < 10
    factors = patch.provenance["settings"]["factors"]
    again = fit(tiny_backbone(), plan(factors=factors), captions=CAPTIONS)
    assert again.hash == patch.hash


def test_a_search_that_was_stopped_counts_nothing_twice() -> None:
    class Tired(Taste):
        def __call__(self, patch: Patch, sources: Sequence[str], numbers: range | None = None) -> Shares:
            if len(self.seen) == 2:
                raise KeyboardInterrupt
            return super().__call__(patch, sources, numbers)

    store, first, second, whole = TransientStore(), Tired(), Taste(), Taste()
    with pytest.raises(KeyboardInterrupt):
        fit(tiny_backbone(), plan(), store=store, captions=CAPTIONS, counter=first)
    patch = fit(tiny_backbone(), plan(), store=store, captions=CAPTIONS, counter=second)
    unbroken = fit(tiny_backbone(), plan(), captions=CAPTIONS, counter=whole)
    assert patch.hash == unbroken.hash
    assert len(first.seen) + len(second.seen) == len(whole.seen)


def test_names_of_all_kinds_come_back_from_the_store() -> None:
    class Odd:
        pictures, key = 4, "odd"

        def __call__(self, patch: Patch, sources: Sequence[str], numbers: range | None = None) -> Shares:
            every = {"a b": {"c": 0.25, "b c": 0.75}, "a": {"b c": 1.0}}
            return {source: every[source] for source in sources}

    store = TransientStore()
    empty = Patch({}, {})
    both = ("a b", "a")
    assert Remembered(Odd(), store)(empty, both) == Remembered(Odd(), store)(empty, both) == Odd()(empty, both)
    assert Remembered(Odd(), store)(empty, ["a"]) == {"a": {"b c": 1.0}}


def test_counts_of_other_pictures_are_others() -> None:
    class First:
        pictures, key = 4, "first"

        def __call__(self, patch: Patch, sources: Sequence[str], numbers: range | None = None) -> Shares:
            return {source: {"b": float((numbers or range(4)).start)} for source in sources}

    count = Remembered(First(), TransientStore())
    for _ in range(2):
        assert [count(Patch({}, {}), ["a"], n)["a"]["b"] for n in (None, range(4, 6), range(6, 8))] == [0.0, 4.0, 6.0]


def test_without_a_counter_or_without_shares_the_plan_is_carried_out_as_it_is() -> None:
    plain = fit(tiny_backbone(), plan(), captions=CAPTIONS)
    assert "debias" not in plain.provenance
    taste = Taste()
    edit = Plan.parse({"edits": [{"replace": "dog", "with": "cat"}], "settings": {"blocks": [0], "values": "copy"}})
    fit(tiny_backbone(), edit, captions=CAPTIONS, counter=taste)
    assert not taste.seen


def test_a_moderated_concept_and_its_members_all_go_to_the_anchor() -> None:
    words = {"method": "emcid-copy", "settings": {"blocks": [0, 1], "lambda": 0.01}}
    said = [{"moderate": "dog", "members": ["hens", "pizza"], "to": "cat"}]
    each = [{"replace": name, "with": "cat"} for name in ("dog", "hens", "pizza")]
    backbone = tiny_backbone()
    together, apart = (
        fit(backbone, Plan.parse({**words, "edits": edits}), captions=CAPTIONS) for edits in (said, each)
    )
    assert together.hash == apart.hash
