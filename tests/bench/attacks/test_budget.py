from __future__ import annotations

from pathlib import Path

import pytest

from overpaint.bench.attacks import ATTACKS, attacks_of
from overpaint.bench.attacks.known import Known, Names, read_known, targets_of
from overpaint.errors import OverpaintError
from overpaint.plan import Edit


def test_no_attack_always_comes_first_and_with_as_many_pictures() -> None:
    assert [attack.name for attack in attacks_of(["misspelling"])] == ["no attack", "misspelling"]
    assert [attack.name for attack in attacks_of()] == list(ATTACKS)
    assert {attack.pictures for attack in attacks_of()} == {8}


def test_budgets_are_said_for_one_attack_or_for_all() -> None:
    found = {a.name: a.settings for a in attacks_of(budget=["pictures=3", "token search.steps=40", "rate=0.3"])}
    assert all(settings["pictures"] == 3 for settings in found.values())
    assert found["token search"]["steps"] == 40
    assert found["embedding inversion"]["steps"] == ATTACKS["embedding inversion"].settings["steps"]
    assert found["embedding inversion"]["rate"] == 0.3


def test_a_quick_look_costs_less() -> None:
    for quick, full in zip(attacks_of(quick=True), attacks_of(), strict=True):
        assert quick.work.evaluations <= full.work.evaluations / 4
        assert quick.pictures < full.pictures


@pytest.mark.parametrize(
    "said",
    ["steps", "steps=0", "steps=x", "steps=1.5", "rate=nan", "nonsense=1", "nonsense.steps=1", "misspelling.steps=1"],
)
def test_mistakes_are_told(said: str) -> None:
    with pytest.raises(OverpaintError, match=r"--budget|unknown; there are"):
        attacks_of(budget=[said])


def test_unknown_attacks_are_told() -> None:
    with pytest.raises(OverpaintError, match="there are no attack, paraphrases"):
        attacks_of(["shouting"])


def test_targets_are_what_edits_take_away(tmp_path: Path) -> None:
    path = tmp_path / "names.yaml"
    path.write_text("concepts: {hen: {aliases: [biddy], category: bird, languages: {de: Henne}}}\nholdouts: [dog]\n")
    known = read_known(path)
    assert known.concepts["hen"] == Names(aliases=("biddy",), category="bird", languages={"de": "Henne"})
    assert {probe.subject for probe in known.held(("{}",), 0)} == {"dog"}
    edits = [
        Edit(action="rectify", source="biddy", destination="hen"),
        Edit(action="erase", source="hen"),
        Edit(action="replace", source="cat", destination="dog"),
        Edit(action="erase", source="hat", within="cowboy"),
    ]
    first, second = targets_of(edits, known)
    assert (first.name, first.unit, first.translations) == ("hen", "erase:hen", (("de", "Henne"),))
    assert (second.name, second.aliases) == ("cat", ())
    assert targets_of(edits, known, 1) == (first,)
    with pytest.raises(OverpaintError, match="nothing to attack"):
        targets_of(edits[:1], Known())


def test_names_are_read_as_plans_are(tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    path.write_text('{"concepts":\t{"hen":\t{"aliases": ["biddy"]}}}')
    assert read_known(path).concepts["hen"].aliases == ("biddy",)
    path = tmp_path / "names.yaml"
    path.write_text("concepts: {007: {aliases: [no], languages: {no: 2024-01-01}}}\n")
    assert read_known(path).concepts == {"007": Names(aliases=("no",), languages={"no": "2024-01-01"})}
    path.write_text("# nothing yet\n")
    assert read_known(path) == Known()


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("concepts: 3", 1, "concepts: input should be"),
        ("\nconcept: {}", 2, "concept: extra inputs"),
        ("- a", 1, "top: input should be"),
        ("a: [", 1, "mend the YAML"),
        ("a: " + "[" * 600, 1, "nested deeper"),
        ("holdouts: []\nconcepts:\n  hen: {alias: x}", 3, "concepts.hen.alias: extra inputs"),
        ("holdouts:\n- dog\n- 2", 3, "holdouts.1: input should be a valid string"),
        ("concepts:\n  hen: {}\n  hen: {}", 3, "'hen' is given twice"),
        (b"holdouts: [\xff]", 1, "not UTF-8"),
        ("x" * (4 * 2**20 + 1), 1, "larger than 4 MiB"),
    ],
)
def test_a_wrong_file_of_names_is_one_line(tmp_path: Path, text: str | bytes, line: int, says: str) -> None:
    path = tmp_path / "names.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(OverpaintError) as caught:
        read_known(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(OverpaintError, match=r"other\.yaml:1: cannot read the file .*; check the path"):
        read_known(tmp_path / "other.yaml")
