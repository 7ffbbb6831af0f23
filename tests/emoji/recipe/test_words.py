import pytest

from overpaint.emoji.recipe.aliases import split, unique
from overpaint.emoji.recipe.names import natural, stems


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("red apple", "red apple"),
        ("piñata", "pinata"),
        ("woman: red hair", "woman with red hair"),
        ("family", "family"),
        ("family: man, woman, girl, boy", "family of man woman girl and boy"),
        ("person walking: facing right", "person walking facing right"),
        ("Japanese “here” button", "japanese here button"),
        ("AB button (blood type)", "blood type ab"),
        ("man’s shoe", "man's shoe"),
        ("keycap: 7", "keycap 7"),
    ],
)
def test_natural_names(label: str, name: str) -> None:
    assert natural(label) == name


def test_stems_see_through_endings() -> None:
    assert stems("gloves") == stems("glove")
    assert stems("smiling face") == stems("smile face")
    assert stems("pear") != stems("pea")


def test_an_alias_belongs_to_one_concept_only() -> None:
    names = ["red apple", "pear", "smiling face"]
    words = [
        ["mac", "fruit", "apples", ":)", "teal mac"],
        ["conference", "fruits"],
        ["smile", "red apple", "ecstatic", "joy"],
    ]
    assert unique(names, words, reserved={"joy"}, forbidden={"teal"}) == [("mac",), ("conference",), ("ecstatic",)]


def test_spellings_of_one_word_are_one_alias() -> None:
    assert unique(["hat"], [["bonnets", "bonnet"]], (), ()) == [("bonnet",)]


def test_split_halves_within_and_across_concepts() -> None:
    names = [f"thing {i}" for i in range(400)]
    single = split(names, [(f"word{i}",) for i in range(400)])
    assert 150 < sum(bool(taught) for taught, _ in single) < 250
    ((taught, withheld),) = split(["thing"], [("a", "b", "c", "d")])
    assert len(taught) == len(withheld) == 2
    assert {*taught, *withheld} == {"a", "b", "c", "d"}
