"""Factors are found by counting, for all debiased concepts together, and nothing is counted twice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from overpaint.methods import TransientStore, fit
from overpaint.methods.debiasing import Remembered, Shares, deviation
from overpaint.patch import Patch
from overpaint.plan import Plan
from tests.methods.tiny import CAPTIONS, tiny_backbone

WANTED = {"dog": {"cat": 0.5, "hens": 0.5}, "pizza": {"kitchen": 0.25, "photo": 0.75}}


class Taste:
    """Counts as a judge would who likes one destination better, by the factors in the patch's settings."""

    key = "taste"

    def __init__(self) -> None:
        self.seen: list[Patch] = []

    def __call__(self, patch: Patch, sources: Sequence[str], numbers: range) -> Shares:
        self.seen.append(patch)
        found = {}
        for source, over in ((source, WANTED[source]) for source in sources):
            first, second = over
            factors = patch.provenance["settings"]["factors"][source]
            share = 1 / (1 + math.exp(-8 * (factors[first] - 0.6)))
            share = round(share * len(numbers)) / len(numbers)
            found[source] = {first: share, second: 1 - share}
        return found


def plan(**settings: Any) -> Plan:
    edits = [{"debias": source, "over": over} for source, over in WANTED.items()]
    words = {"blocks": [0, 1], "values": "copy", "count_pictures": 400, **settings}
    return Plan.parse({"method": "emcid", "edits": [*edits, {"replace": "a", "with": "in"}], "settings": words})


def test_all_sources_are_balanced_together_and_the_patch_says_how() -> None:
    taste, store = Taste(), TransientStore()
    patch = fit(tiny_backbone(), plan(), store=store, captions=CAPTIONS, counter=taste)
    assert isinstance(patch, Patch)
    told = patch.provenance["debias"]
    assert deviation(taste(taste.seen[0], [*WANTED], range(400)), WANTED) > 0.3
    assert told["deviation"] < 0.1
    assert told["deviation"] == pytest.approx(deviation(told["shares"], WANTED))
    assert told["rounds"] < 10
    assert told["pictures"] == 400
    factors = patch.provenance["settings"]["factors"]
    again = fit(tiny_backbone(), plan(factors=factors), captions=CAPTIONS)
    assert again.hash == patch.hash


def test_a_search_that_was_stopped_counts_nothing_twice() -> None:
    class Tired(Taste):
        def __call__(self, patch: Patch, sources: Sequence[str], numbers: range) -> Shares:
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
        key = "odd"

        def __call__(self, patch: Patch, sources: Sequence[str], numbers: range) -> Shares:
            every = {"a b": {"c": 0.25, "b c": 0.75}, "a": {"b c": 1.0}}
            return {source: every[source] for source in sources}

    store = TransientStore()
    empty = Patch({}, {})
    both, numbers = ("a b", "a"), range(4)
    first, again = (Remembered(Odd(), store)(empty, both, numbers) for _ in range(2))
    assert first == again == Odd()(empty, both, numbers)
    assert Remembered(Odd(), store)(empty, ["a"], numbers) == {"a": {"b c": 1.0}}


def test_counts_of_other_pictures_are_others() -> None:
    class First:
        key = "first"

        def __call__(self, patch: Patch, sources: Sequence[str], numbers: range) -> Shares:
            return {source: {"b": float(numbers.start)} for source in sources}

    count = Remembered(First(), TransientStore())
    for _ in range(2):
        assert [count(Patch({}, {}), ["a"], n)["a"]["b"] for n in (range(4), range(4, 6), range(6, 8))] == [
            0.0,
            4.0,
            6.0,
        ]


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
