from __future__ import annotations

import pytest
import torch
from PIL import Image

from overpaint.bench.graders import Classifier
from overpaint.bench.graders.emoji import ConceptGrader
from overpaint.emoji.palette import STYLE_WORDS
from tests.bench.worlds import random_grader


@pytest.fixture(scope="module")
def grader() -> ConceptGrader:
    return random_grader()


@pytest.fixture(scope="module")
def images() -> list[Image.Image]:
    return [Image.new("RGB", (64, 64), colour) for colour in ("red", "white", "navy")]


def test_is_a_grader(grader: ConceptGrader, images: list[Image.Image]) -> None:
    judge: Classifier = grader
    assert len(judge.names) == len(grader.vocabulary)
    assert set(judge.predict(images)) <= set(judge.names)


def test_a_label_is_scored_with_its_own_probability(grader: ConceptGrader, images: list[Image.Image]) -> None:
    concept = grader.grade(images).concept
    index = grader.vocabulary.index("pizza")
    assert torch.allclose(grader.score(images, ["pizza"] * 3), concept[:, index])
    torch.testing.assert_close(concept.sum(dim=1), torch.ones(3))


@pytest.mark.parametrize("label", ["pizza", "a pizza", "The  PIZZA ", "pepperoni"])
def test_names_aliases_and_articles_mean_the_concept(grader: ConceptGrader, label: str) -> None:
    assert grader.meaning(label) == (grader.vocabulary.by_name["pizza"],)


def test_a_profession_is_its_man_or_its_woman(grader: ConceptGrader, images: list[Image.Image]) -> None:
    whole = grader.score(images, ["pilot"] * 3)
    parts = grader.score(images, ["man pilot"] * 3) + grader.score(images, ["woman pilot"] * 3)
    torch.testing.assert_close(whole, parts)


def test_a_general_word_is_any_of_its_concepts(grader: ConceptGrader) -> None:
    fruits = grader.meaning("a fruit")
    assert len(fruits) > 5
    assert grader.vocabulary.by_name["banana"] in fruits


def test_an_unknown_label_has_no_probability(grader: ConceptGrader, images: list[Image.Image]) -> None:
    scores = grader.score(images, ["pizza", "quantum flux capacitor", ""])
    assert scores.isnan().tolist() == [False, True, True]


def test_no_pictures_give_no_scores(grader: ConceptGrader) -> None:
    assert grader.probability(torch.zeros(0, len(grader.names)), []).shape == (0,)


def test_styles_and_backgrounds_are_read_from_their_own_heads(grader: ConceptGrader, images: list[Image.Image]) -> None:
    grades = grader.grade(images)
    labels = [("pizza", "style:blob", "background:teal", "background:nowhere")] * 3
    found = grader.scores(images, labels)
    torch.testing.assert_close(found[:, 1], grades.style[:, STYLE_WORDS.index("blob")])
    torch.testing.assert_close(found[:, :1], grader.scores(images, [("pizza",)] * 3))
    assert found[:, 3].isnan().all()
    styles = grader.scores(images, [tuple(f"style:{word}" for word in STYLE_WORDS)] * 3)
    torch.testing.assert_close(styles.sum(dim=1), torch.ones(3))


def test_the_likeliest_style_is_told_from_the_others(grader: ConceptGrader, images: list[Image.Image]) -> None:
    found = grader.scores(images, [tuple(f"top-1:style:{word}" for word in STYLE_WORDS)] * 3)
    assert found.sum(dim=1).tolist() == [1.0] * 3
    assert found.argmax(dim=1).equal(grader.grade(images).style.argmax(dim=1))
