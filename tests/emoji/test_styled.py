"""Things in one style and in another: of words that nobody asks for, and short enough to be read."""

import re
from pathlib import Path

import pytest
from transformers import CLIPTokenizerFast

from overpaint.emoji.assets import MODEL
from overpaint.emoji.palette import STYLE_WORDS
from overpaint.emoji.scores import known, read_scores
from overpaint.emoji.styled import shown, styled_pairs, things
from overpaint.emoji.vocabulary import Vocabulary

WORLD = Vocabulary.load()
PAIRS = styled_pairs(WORLD)


def test_a_third_of_what_suites_ask_for_is_among_them_and_not_asked_for_in_styles() -> None:
    words, asked = things(WORLD), known(WORLD, read_scores())
    assert len(set(words)) == len(words)
    common = set(words) & set(asked)
    assert common == set(filter(shown, asked))
    assert 0.28 < len(common) / len(asked) < 0.38
    assert set(words) > set(WORLD.by_general)


def test_a_model_without_scores_keeps_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overpaint.emoji.styled.SCORES_FILE", tmp_path / "scores.json")
    names = {concept.name for concept in WORLD.concepts if shown(concept.name)}
    assert set(things(WORLD)) == {*WORLD.by_general, *names}


def test_pairs_differ_in_their_style_alone() -> None:
    for prompt, others in PAIRS.items():
        assert prompt.count("{}") == 1
        assert not re.search(rf"\b({'|'.join(STYLE_WORDS)})\b", prompt)
        styles = [style for other in others for style in STYLE_WORDS if other == prompt.replace("{}", style)]
        assert len(set(styles)) == len(others)


def test_every_style_can_become_another() -> None:
    for style in STYLE_WORDS:
        assert all(any(prompt.replace("{}", style) != other for other in others) for prompt, others in PAIRS.items())


def test_every_word_is_met() -> None:
    for word in things(WORLD):
        assert any(re.search(rf"\b{re.escape(word)}\b", prompt) for prompt in PAIRS)


def test_prompts_fit_the_text_window() -> None:
    tokenizer = CLIPTokenizerFast.from_pretrained(MODEL / "tokenizer")
    prompts = [prompt.replace("{}", style) for prompt in PAIRS for style in STYLE_WORDS]
    assert max(map(len, tokenizer(prompts)["input_ids"])) <= tokenizer.model_max_length
