from __future__ import annotations

import pytest

from overpaint.bench.suites.emoji.unmentioned import mentioned, without
from overpaint.emoji.captions import corpus
from overpaint.emoji.vocabulary import Vocabulary

WORLD = Vocabulary.load()


def test_captions_without_the_holdouts_are_as_many_and_name_none() -> None:
    held = tuple(concept.name for concept in WORLD.concepts[::5])
    captions = without(WORLD, held, 500)
    assert len(captions) == 500
    assert mentioned(corpus(WORLD, 500, seed=0), held)
    assert not mentioned(captions, held)


def test_nothing_held_out_changes_nothing() -> None:
    assert without(WORLD, (), 100) == corpus(WORLD, 200, seed=0)[:100]


def test_only_whole_words_count() -> None:
    assert mentioned(["a catfish and a red apple"], ("cat", "apple", "red apple")) == {"red apple"}


def test_holding_out_everything_is_told() -> None:
    with pytest.raises(ValueError, match="hold out fewer"):
        without(WORLD, [concept.name for concept in WORLD.concepts], 200)
