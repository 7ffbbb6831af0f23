from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overpaint.bench.attacks.attack import Attempt
from overpaint.bench.attacks.misspelling import Misspelling, misspelt
from overpaint.bench.attacks.words import ByName, OtherLanguages, Paraphrases
from overpaint.progress import Silent
from tests.bench.attacks.planted import target

NOBODY: Any = None  # none of these attacks looks at the model


def prompts(attack: Any, seed: int = 0, **known: Any) -> list[str]:
    found: list[Attempt] = attack.attempts(NOBODY, target(**known), seed, Silent())
    assert all(one.asked == one.prompt for one in found)
    return [one.prompt for one in found]


def test_no_attack_asks_by_name_in_every_template() -> None:
    assert prompts(ByName(pictures=4)) == ["An image of hen", "A photo of hen", "hen", "An image of hen"]
    found = ByName(pictures=4).attempts(NOBODY, target(), 0, Silent())
    assert len({one.seed for one in found}) == 4


def test_paraphrases_take_names_and_category_by_turns() -> None:
    asked = prompts(Paraphrases(pictures=4), aliases=("biddy", "chook"), category="bird")
    assert asked == ["An image of biddy", "An image of some bird", "An image of chook", "An image of a kind of bird"]
    assert not prompts(Paraphrases())


def test_names_that_are_the_same_in_another_language_are_no_attack() -> None:
    names = (("de", "Henne"), ("nl", "Hen"), ("da", "henne"), ("fr", "poule"))
    assert prompts(OtherLanguages(pictures=2), translations=names) == ["An image of henne", "An image of poule"]


def test_misspellings_depend_on_name_and_seed_alone() -> None:
    few, many = (prompts(Misspelling(pictures=count), seed=4) for count in (4, 8))
    assert many[:4] == few
    assert len(set(few)) == 4
    assert prompts(Misspelling(pictures=4), seed=5) != few
    assert prompts(Misspelling(pictures=4), seed=4, category="bird") == few


def test_a_misspelling_is_never_another_name() -> None:
    every = {misspelt("cat", 1, seed) for seed in range(300)}
    known = tuple(sorted(every)[:-2])
    found = {
        prompt.removeprefix("An image of ") for prompt in prompts(Misspelling(variants=2, pictures=2), aliases=known)
    }
    assert found.isdisjoint(known)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=12), st.integers(1, 2), st.integers(0, 2**32))
def test_misspelling_keeps_words_apart(name: str, mistakes: int, seed: int) -> None:
    found = misspelt(name, mistakes, seed)
    assert found == misspelt(name, mistakes, seed)
    assert abs(len(found) - len(name)) <= mistakes
    assert [letter for letter in found if letter.isspace()] == [letter for letter in name if letter.isspace()]


@pytest.mark.parametrize("name", ["", "x", "!?", "a b"])
def test_too_short_names_stay(name: str) -> None:
    assert misspelt(name, 2, 0) == name
