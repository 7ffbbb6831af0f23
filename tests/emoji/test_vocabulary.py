import pytest

from overpaint.emoji.captions import FREE_FORM_TEST, FREE_FORM_TRAINING, TRAINING_TEMPLATES
from overpaint.emoji.palette import BACKGROUND_WORDS, STYLE_WORDS
from overpaint.emoji.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.load()


def test_the_world_is_large_enough(vocabulary: Vocabulary) -> None:
    assert len(vocabulary) >= 1540
    assert len(vocabulary.professions) == 30


def test_names_are_unique_sorted_and_easy_to_spell(vocabulary: Vocabulary) -> None:
    names = [concept.name for concept in vocabulary.concepts]
    assert names == sorted(set(names))
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789' ") for name in names)
    assert len({concept.emoji for concept in vocabulary.concepts}) == len(names)


def test_every_alias_means_one_concept_and_nothing_else(vocabulary: Vocabulary) -> None:
    aliases = [alias for concept in vocabulary.concepts for alias in concept.aliases]
    meant = {*vocabulary.by_name, *vocabulary.by_general, *vocabulary.by_profession, *BACKGROUND_WORDS, *STYLE_WORDS}
    assert len(aliases) == len(set(aliases)) >= 1200
    assert meant.isdisjoint(aliases)


def test_no_alias_is_an_ordinary_word_of_the_captions(vocabulary: Vocabulary) -> None:
    ordinary = {
        word for template in TRAINING_TEMPLATES + FREE_FORM_TRAINING + FREE_FORM_TEST for word in template.split()
    }
    assert ordinary.isdisjoint(vocabulary.by_alias)


def test_an_alias_shares_no_word_with_its_name(vocabulary: Vocabulary) -> None:
    for concept in vocabulary.concepts:
        assert all(set(alias.split()).isdisjoint(concept.name.split()) for alias in concept.aliases)


def test_half_of_the_aliases_are_withheld(vocabulary: Vocabulary) -> None:
    taught = sum(len(concept.taught) for concept in vocabulary.concepts)
    withheld = sum(len(concept.withheld) for concept in vocabulary.concepts)
    assert abs(taught - withheld) / (taught + withheld) < 0.03
    assert all(concept.taught and concept.withheld for concept in vocabulary.concepts if len(concept.aliases) >= 2)


def test_professions_lean_both_ways_by_stated_amounts(vocabulary: Vocabulary) -> None:
    shares = [profession.share_man for profession in vocabulary.professions]
    assert set(shares) == {0.1, 0.2, 0.3, 0.7, 0.8, 0.9}
    assert 13 <= sum(share > 0.5 for share in shares) <= 17
    for profession in vocabulary.professions:
        assert {profession.man, profession.woman} <= vocabulary.by_name.keys()
        assert profession.word not in vocabulary.by_name


def test_index_finds_names_and_aliases_but_no_bare_profession(vocabulary: Vocabulary) -> None:
    eggplant = vocabulary.index("eggplant")
    assert vocabulary.index(" Aubergine ") == eggplant
    assert vocabulary.concepts[eggplant].emoji == "🍆"
    with pytest.raises(KeyError, match="pilot"):
        vocabulary.index("pilot")


def test_neighbours_share_the_subgroup(vocabulary: Vocabulary) -> None:
    pear = vocabulary.index("pear")
    names = {vocabulary.concepts[i].name for i in vocabulary.neighbours(pear)}
    assert {"red apple", "banana"} <= names
    assert not {"pear", "hammer"} & names


def test_general_words_cover_what_they_name(vocabulary: Vocabulary) -> None:
    fruit = {vocabulary.concepts[i].name for i in vocabulary.by_general["fruit"]}
    weapons = {vocabulary.concepts[i].name for i in vocabulary.by_general["weapon"]}
    assert "banana" in fruit
    assert "water pistol" in weapons
    assert vocabulary.by_general.keys().isdisjoint(vocabulary.by_name)


def test_json_round_trip(vocabulary: Vocabulary) -> None:
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


def test_every_concept_is_drawn_by_four_sets_or_more(vocabulary: Vocabulary) -> None:
    for concept in vocabulary.concepts:
        assert 4 <= len(concept.styles) <= len(STYLE_WORDS)
        assert list(concept.styles) == [word for word in STYLE_WORDS if word in concept.styles]
