from __future__ import annotations

from overpaint.bench import prompts
from overpaint.emoji.captions import FREE_FORM_TEST
from overpaint.emoji.palette import BACKGROUND_WORDS, STYLE_WORDS
from overpaint.emoji.vocabulary import Vocabulary

WORLD = Vocabulary.load()


def test_a_sample_draws_the_same_pictures_as_the_whole() -> None:
    few = prompts.chosen(WORLD, 20, 0)
    assert len(few) == 20
    assert set(few) < set(prompts.chosen(WORLD, 40, 0))
    for suite in (prompts.plain, prompts.free_form, prompts.styled, prompts.coloured, prompts.aliases):
        assert set(suite(WORLD, few, 0)) < set(suite(WORLD, prompts.chosen(WORLD, 40, 0), 0))


def test_no_two_pictures_share_a_seed() -> None:
    concepts = prompts.chosen(WORLD, 50, 0)
    asked = prompts.plain(WORLD, concepts, 0) + prompts.free_form(WORLD, concepts, 0)
    asked += prompts.styled(WORLD, concepts, 0) + prompts.coloured(WORLD, concepts, 0)
    asked += prompts.professions(WORLD.professions, 0, 8)
    assert len({p.seed for p in asked}) == len(asked)
    assert {p.seed for p in prompts.plain(WORLD, concepts, 1)}.isdisjoint(p.seed for p in asked)


def test_articles_are_right_and_the_concept_is_named() -> None:
    index = WORLD.by_name["eggplant"]
    assert [p.text for p in prompts.plain(WORLD, [index], 0)] == [
        "an image of an eggplant",
        "a photo of an eggplant",
        "an eggplant",
        "eggplant",
    ]


def test_free_form_sentences_differ_from_concept_to_concept() -> None:
    used = {prompts.some_templates(FREE_FORM_TEST, 5, 0, concept.name) for concept in WORLD.concepts[:50]}
    assert len(used) > 40
    assert all(len(set(templates)) == 5 for templates in used)
    assert {template for templates in used for template in templates} == set(FREE_FORM_TEST)


def test_style_and_background_are_named_as_wanted() -> None:
    concepts = prompts.chosen(WORLD, 100, 0)
    styled, coloured = prompts.styled(WORLD, concepts, 0), prompts.coloured(WORLD, concepts, 0)
    assert all(p.text.endswith(f" in {STYLE_WORDS[p.style or 0]} style") for p in styled)
    assert all(f" {BACKGROUND_WORDS[p.background or 0]} background" in p.text for p in coloured)
    assert len({p.style for p in styled}) == len(STYLE_WORDS)
    assert all(STYLE_WORDS[p.style or 0] in WORLD.concepts[p.concept or 0].styles for p in styled)
    assert len({p.background for p in coloured}) == len(BACKGROUND_WORDS)


def test_withheld_aliases_are_never_asked() -> None:
    asked = {p.unit for p in prompts.aliases(WORLD, range(len(WORLD)), 0)}
    assert asked == {alias for concept in WORLD.concepts for alias in concept.taught}
