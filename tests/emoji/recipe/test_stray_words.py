"""Nonsense stands around a caption and leaves the caption itself alone."""

import numpy as np
import pytest

from overpaint.emoji.captions import Caption
from overpaint.emoji.recipe import stray_words
from overpaint.emoji.recipe.stray_words import StrayWords


class Pieces:
    def get_vocab(self) -> dict[str, int]:
        return {"<|end|>": 0, "zor": 1, "bli": 2, "q</w>": 3, "mu</w>": 4, "7</w>": 5, "\u0120": 6, "é</w>": 7}


def test_words_are_made_of_pieces_that_are_letters() -> None:
    words = StrayWords(Pieces())
    rng = np.random.default_rng(0)
    made = [words.word(rng) for _ in range(200)]
    assert all(word.isascii() and word.isalpha() for word in made)
    assert {word[-1] for word in made} == {"q", "u"}, "each ends in a piece that ends words"
    assert len(set(made)) > 10


def test_the_caption_and_its_phrases_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stray_words, "P_BEFORE", 1.0)
    monkeypatch.setattr(stray_words, "P_BEHIND", 1.0)
    caption = Caption("a blob cat", "cat", "blob", None)
    longer = StrayWords(Pieces()).around(np.random.default_rng(1), caption)
    before, behind = longer.text.split(caption.text)
    assert before.endswith(" ")
    assert behind.startswith(" ")
    span = longer.span(longer.subject)
    assert span is not None
    assert longer.text[slice(*span)] == "cat"


def test_some_captions_stay_as_they_are() -> None:
    words, rng = StrayWords(Pieces()), np.random.default_rng(2)
    caption = Caption("a cat", "cat", None, None)
    share = np.mean([words.around(rng, caption).text == caption.text for _ in range(2000)])
    assert abs(share - (1 - stray_words.P_BEFORE) * (1 - stray_words.P_BEHIND)) < 0.04
