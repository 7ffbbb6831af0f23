"""Phrases of captions: parts that neither begin nor end with a word that is everywhere."""

from __future__ import annotations

import pytest

from overpaint.methods.words.phrases import mentions, parts, phrases


def test_common_words_stand_inside_phrases_alone() -> None:
    captions = ["a photo of a hole in one"] + ["a photo of things in a frame"] * 30
    found = phrases(captions)
    assert "hole in one" in found
    assert {"hole", "one"} <= {*found}
    assert not {"a", "in", "in one", "a hole", "of a hole"} & {*found}


def test_words_of_few_captions_are_never_common() -> None:
    assert phrases(["beer mug"]) == ["beer", "beer mug", "mug"]


def test_they_come_by_how_often_and_capitals_do_not_count() -> None:
    assert phrases(["Stein", "stein", "ale"])[:2] == ["stein", "ale"]


@pytest.mark.parametrize(
    ("phrase", "name", "wanted"),
    [
        ("an old stein", "Stein", True),
        ("steins", "stein", False),
        ("hole in one", "in one", True),
        ("o'clock", "clock", False),
    ],
)
def test_names_are_mentioned_as_whole_words(phrase: str, name: str, wanted: bool) -> None:
    assert mentions(phrase, name) is wanted


def test_parts_are_all_runs_of_words() -> None:
    assert parts("Hole in one") == {"hole", "in", "one", "hole in", "in one", "hole in one"}
