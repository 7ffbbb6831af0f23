from __future__ import annotations

import pytest

from overpaint.bench.pairs import Selection, choose
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.errors import OverpaintError

WORLD = Vocabulary.load()
NAMES = tuple(concept.name for concept in WORLD.concepts)
SUBGROUP = {concept.name: concept.subgroup for concept in WORLD.concepts}


def names(selection: Selection) -> list[str]:
    return [name for pair in selection.pairs for name in pair] + list(selection.holdouts)


@pytest.mark.parametrize("near", [False, True])
def test_sources_destinations_and_holdouts_are_all_different(near: bool) -> None:
    selection = choose(WORLD, NAMES, 100, 300, near=near)
    assert len(set(names(selection))) == len(names(selection))
    assert all((SUBGROUP[a] == SUBGROUP[b]) is near for a, b in selection.pairs)


def test_the_choice_is_the_seeds_alone() -> None:
    assert choose(WORLD, NAMES, 10, seed=1) == choose(WORLD, NAMES[::-1], 10, seed=1)
    assert choose(WORLD, NAMES, 10, seed=1) != choose(WORLD, NAMES, 10, seed=2)


def test_fewer_edits_are_part_of_more_and_share_the_holdouts() -> None:
    few, many = choose(WORLD, NAMES, 100), choose(WORLD, NAMES, 300)
    assert few.pairs == many.pairs[:100]
    assert few.holdouts == many.holdouts


def test_a_thousand_edits_repeat_destinations_but_never_edit_one() -> None:
    selection = choose(WORLD, NAMES, 1000)
    sources = {source for source, _ in selection.pairs}
    assert len(selection.pairs) == len(sources) == 1000
    assert sources.isdisjoint(destination for _, destination in selection.pairs)
    assert selection.plan(method="emcid-copy").edits[999].action == "replace"


def test_too_many_edits_are_refused_in_one_line() -> None:
    with pytest.raises(OverpaintError, match=r"300 edits with 300 hold-outs need more than the 500 concepts"):
        choose(WORLD, NAMES[:500], 300)


def test_only_known_names_are_drawn() -> None:
    assert set(names(choose(WORLD, NAMES[:200], 20, 50))) <= set(NAMES[:200])
