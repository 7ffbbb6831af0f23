"""The endless sentences: many, short, about nothing but their subject, and never the ones kept for testing."""

import numpy as np

from overpaint.emoji.contexts import LONGEST, PARTS, free_form
from overpaint.emoji.templates import FREE_FORM_TEST
from overpaint.emoji.vocabulary import Vocabulary


def sentences(count: int) -> list[str]:
    rng = np.random.default_rng(0)
    return [free_form(rng) for _ in range(count)]


def test_there_are_thousands_and_each_has_one_subject_and_no_slot_left() -> None:
    made = sentences(5000)
    assert len(set(made)) > 3500
    for sentence in made:
        assert sentence.count("{}") == 1
        assert "{" not in sentence.replace("{}", "")
        assert len(sentence) <= LONGEST + 3


def test_no_part_names_a_concept() -> None:
    vocabulary = Vocabulary.load()
    words = {word for parts in PARTS.values() for part in parts for word in part.split()}
    taken = set(vocabulary.by_name) | set(vocabulary.by_alias) | set(vocabulary.by_profession)
    assert not words & taken


def test_test_sentences_stay_unseen() -> None:
    assert not set(sentences(30_000)) & set(FREE_FORM_TEST)
    for sentence in FREE_FORM_TEST:
        parts = sentence.split("{}")
        known = [part.strip() for part in parts if part.strip()]
        assert not all(any(known_part == word for word in sum(PARTS.values(), ())) for known_part in known)
