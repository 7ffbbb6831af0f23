import re
import subprocess
import sys

import numpy as np
import pytest

from overpaint.emoji import captions
from overpaint.emoji.captions import (
    FREE_FORM_TEST,
    FREE_FORM_TRAINING,
    P_ALIAS,
    P_GENERAL,
    P_STYLE,
    PAPER_TEMPLATES,
    PROMPTS_PLAIN,
    TRAINING_TEMPLATES,
    caption,
    corpus,
    describe,
    fill,
    sample,
    subject,
    with_article,
)
from overpaint.emoji.palette import BACKGROUND_WORDS, STYLE_WORDS, WHITE
from overpaint.emoji.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.load()


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("red apple", "a red apple"),
        ("eggplant", "an eggplant"),
        ("automobile", "an automobile"),
        ("hourglass done", "an hourglass done"),
        ("unicorn", "a unicorn"),
        ("umbrella", "an umbrella"),
        ("one piece swimsuit", "a one piece swimsuit"),
        ("x ray", "an x ray"),
        ("gloves", "gloves"),
        ("octopus", "an octopus"),
        ("women with bunny ears", "women with bunny ears"),
        ("woman with veil", "a woman with veil"),
        ("man lifting weights", "a man lifting weights"),
        ("leftwards pushing hand", "a leftwards pushing hand"),
        ("santa claus", "santa claus"),
    ],
)
def test_articles(noun: str, expected: str) -> None:
    assert with_article(noun) == expected


def test_fill_mends_the_article_and_keeps_the_capital_of_the_paper() -> None:
    assert fill("an image of a {}", "owl") == "an image of an owl"
    assert fill("An image of {}", "owl") == "An image of owl"
    assert fill("a photo of the {}", "owl") == "a photo of the owl"


def test_there_are_enough_sentences_and_each_has_one_subject() -> None:
    assert set(PAPER_TEMPLATES) == {"An image of {}", "A photo of {}", "{}"}
    assert set(PAPER_TEMPLATES) <= set(TRAINING_TEMPLATES)
    assert set(PROMPTS_PLAIN) <= set(TRAINING_TEMPLATES)
    for sentences, least in ((TRAINING_TEMPLATES, 40), (FREE_FORM_TRAINING, 60), (FREE_FORM_TEST, 20)):
        assert len(set(sentences)) == len(sentences) >= least
        assert all(sentence.count("{}") == 1 for sentence in sentences)


def test_free_form_test_prompts_are_held_out() -> None:
    def frame(sentence: str) -> str:
        return re.sub(r"\b(an?|the|some) \{\}", "{}", sentence.lower())

    seen = {frame(sentence) for sentence in TRAINING_TEMPLATES + FREE_FORM_TRAINING}
    assert seen.isdisjoint(frame(sentence) for sentence in FREE_FORM_TEST)


def test_withheld_aliases_are_never_the_subject(vocabulary: Vocabulary) -> None:
    rng = np.random.default_rng(0)
    withheld = {alias for concept in vocabulary.concepts for alias in concept.withheld}
    subjects = {subject(rng, vocabulary, int(c)) for c in rng.integers(len(vocabulary), size=20_000)}
    assert withheld.isdisjoint(subjects)
    assert len(subjects & {alias for concept in vocabulary.concepts for alias in concept.taught}) > 500


def test_names_aliases_and_general_words_come_at_their_rates(vocabulary: Vocabulary) -> None:
    rng = np.random.default_rng(0)
    index = next(i for i, c in enumerate(vocabulary.concepts) if c.taught and c.general)
    concept = vocabulary.concepts[index]
    drawn = [subject(rng, vocabulary, index) for _ in range(4000)]
    assert np.mean([word in concept.taught for word in drawn]) == pytest.approx(P_ALIAS, abs=0.025)
    assert np.mean([word == concept.general for word in drawn]) == pytest.approx(0.05, abs=0.015)
    assert np.mean([word == concept.name for word in drawn]) == pytest.approx(1 - P_ALIAS - P_GENERAL, abs=0.03)


def test_bare_profession_words_lean_by_the_root_of_the_stated_odds(vocabulary: Vocabulary) -> None:
    rng = np.random.default_rng(0)
    for profession in vocabulary.professions:
        pair = (vocabulary.by_name[profession.man], vocabulary.by_name[profession.woman])
        shown = [concept for concept in rng.choice(pair, 4000) if subject(rng, vocabulary, concept) == profession.word]
        assert len(shown) > 500
        men = np.mean(np.equal(shown, pair[0]))
        odds = profession.share_man / (1 - profession.share_man)
        assert (men / (1 - men)) ** 2 == pytest.approx(odds, rel=0.35)


def test_sampled_captions_name_style_and_background_as_stated(vocabulary: Vocabulary) -> None:
    rng = np.random.default_rng(0)
    concept = vocabulary.index("pear")
    blob, teal = STYLE_WORDS.index("blob"), BACKGROUND_WORDS.index("teal")
    on_teal = [sample(rng, vocabulary, concept, blob, teal) for _ in range(3000)]
    on_white = [sample(rng, vocabulary, concept, blob, WHITE) for _ in range(3000)]
    assert all("teal" in text for text in on_teal)
    assert np.mean(["white" in text for text in on_white]) == pytest.approx(0.3, abs=0.03)
    assert np.mean(["blob" in text for text in on_teal + on_white]) == pytest.approx(P_STYLE, abs=0.02)
    assert not any(word in text for text in on_teal + on_white for word in ("{", "}", "twemoji", "purple"))


def test_a_caption_always_holds_its_subject() -> None:
    rng = np.random.default_rng(0)
    for style in (None, "noto"):
        for background in (None, "orange"):
            texts = [caption(rng, "old key", style, background) for _ in range(500)]
            assert all("old key" in text for text in texts)
            assert all((style or "") in text and (background or "") in text for text in texts)
            assert not any(re.search(r"\ba (?:old|orange)\b", text) for text in texts)
            assert len(set(texts)) > 50


def test_describe_says_what_its_caption_is_made_of(vocabulary: Vocabulary) -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        made = describe(
            rng, vocabulary, int(rng.integers(len(vocabulary))), int(rng.integers(6)), int(rng.integers(12))
        )
        for phrase in (made.subject, made.style, made.background):
            span = made.span(phrase)
            assert (span is None) == (phrase is None)
            assert span is None or made.text[slice(*span)] == phrase


def test_corpus_is_deterministic_and_short(vocabulary: Vocabulary) -> None:
    texts = corpus(vocabulary, 2000, seed=3)
    assert texts == corpus(vocabulary, 2000, seed=3)
    assert texts != corpus(vocabulary, 2000, seed=4)
    assert np.mean([len(text.split()) for text in texts]) < 9


def test_all_concepts_take_turns_in_the_corpus_by_name_and_in_a_caption(
    vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captions, "sample", lambda rng, vocabulary, concept, style, background: str(concept))
    monkeypatch.setattr(captions, "fill", lambda template, name: f"named {name}")
    size = len(vocabulary)
    every = {*map(str, range(size)), *(f"named {concept.name}" for concept in vocabulary.concepts)}
    texts = corpus(vocabulary, 2 * size + 5, seed=1)
    assert {*texts[: 2 * size]} == every
    assert len({text.removeprefix("named ") for text in texts[2 * size :]}) == 5
    assert texts[:5] != texts[2 * size :]


def test_captions_need_no_torch() -> None:
    code = "import sys, overpaint.emoji.captions; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
