from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from overpaint.errors import PlanError
from overpaint.plan import KINDS, Edit, Plan, Where

PISTOL = Edit(action="replace", source="pistol", destination="water pistol")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"action": "replace", "source": "a"}, "does not say with what"),
        ({"action": "rectify", "source": "a"}, "does not say as what"),
        ({"action": "replace", "source": "a", "destination": "Ａ "}, "becomes itself"),
        ({"action": "debias", "source": "a", "destination": "b"}, "needs shares"),
        ({"action": "erase", "source": "a", "over": {"b": 0.5, "c": 0.5}}, "takes no shares"),
        ({"action": "debias", "source": "a", "over": {"b": 0.5, "c": 0.5}, "images": ("b.png",)}, "takes no images"),
        ({"action": "replace", "source": "a", "destination": "b", "within": "c"}, "takes no 'from'"),
        ({"action": "erase", "source": "a", "within": "A"}, "from itself"),
        ({"action": "erase", "source": "a", "within": "b", "destination": "c"}, "both 'from' and an anchor"),
        ({"action": "erase", "source": "a", "members": ("b",)}, "takes no members"),
        ({"action": "moderate", "source": "a", "members": ("b", "B ")}, "given twice"),
        ({"action": "moderate", "source": "a", "members": ("A",)}, "no member of itself"),
        ({"action": "moderate", "source": "a", "members": ("b",), "destination": "b"}, "no member of itself"),
        ({"action": "moderate", "source": "a", "destination": "a"}, "becomes itself"),
        ({"action": "erase", "source": " "}, "empty name"),
        ({"action": "erase", "source": "\u200d"}, "no visible character"),
        ({"action": "erase", "source": "a\tb"}, "U+0009"),
        ({"action": "erase", "source": "a", "kind": "thing"}, "unknown kind"),
        ({"action": "erase", "source": "a", "prompts": ("a",)}, "0 slots"),
        ({"action": "erase", "source": "a", "seed": 2**63}, "out of range"),
    ],
)
def test_an_edit_that_contradicts_itself_cannot_be_made(words: dict[str, Any], says: str) -> None:
    with pytest.raises(PlanError) as caught:
        Edit(**words)
    assert says in str(caught.value)
    assert "; " in str(caught.value)


def test_programming_mistakes_are_those_of_pydantic() -> None:
    with pytest.raises(ValidationError):
        Edit(action="remove", source="a")  # type: ignore[arg-type,unused-ignore]
    with pytest.raises(ValidationError):
        PISTOL.source = "gun"


def test_plans_from_python_are_checked_too() -> None:
    with pytest.raises(PlanError, match="no edits"):
        Plan(edits=())
    with pytest.raises(PlanError, match="edited twice"):
        Plan(edits=(PISTOL, Edit(action="erase", source="Pistol")))
    with pytest.raises(PlanError, match="preserved at preserve"):
        Plan(edits=(PISTOL,), preserve=("PISTOL",))
    with pytest.raises(PlanError, match="not a finite number"):
        Plan(edits=(PISTOL,), settings={"a": [float("nan")]})


HAT = Edit(action="erase", source="hat", within="cowboy")
WEAPONS = Edit(action="moderate", source="weapon", members=("pistol", "sword"), destination="toy")


def test_what_an_edit_changes_and_asks_of_a_method() -> None:
    assert (HAT.edited, HAT.needs, HAT.key) == (("cowboy",), ("erase", "erase from"), "erase:hat from:cowboy")
    assert WEAPONS.edited == ("weapon", "pistol", "sword")
    assert WEAPONS.destinations == ("toy",)
    pictures = Edit(action="erase", source="a", images=(Path("b.png"),))
    assert pictures.needs == ("erase", "erase images")
    assert (WEAPONS.needs, PISTOL.needs) == (("moderate", "moderate to"), ("replace",))


@pytest.mark.parametrize(
    ("edits", "preserve", "says"),
    [
        ((WEAPONS, Edit(action="erase", source="Sword")), (), "'Sword' is edited twice, first at moderate 'weapon'"),
        ((WEAPONS, Edit(action="moderate", source="tool", members=("SWORD",))), (), "'SWORD' is edited twice"),
        ((WEAPONS,), ("pistol",), "'pistol' is edited here and preserved"),
        (
            (WEAPONS, Edit(action="replace", source="gun", destination="sword")),
            (),
            "itself edited at moderate 'weapon'",
        ),
        ((HAT, Edit(action="replace", source="cowboy", destination="sheriff")), (), "'cowboy' is edited twice"),
        ((HAT, Edit(action="erase", source="Hat", within="cowboy")), (), "'cowboy' is edited twice"),
        ((HAT,), ("cowboy",), "'cowboy' is edited here and preserved"),
    ],
)
def test_members_and_what_loses_something_are_edited_concepts(
    edits: tuple[Edit, ...], preserve: tuple[str, ...], says: str
) -> None:
    with pytest.raises(PlanError) as caught:
        Plan(edits=edits, preserve=preserve)
    assert says in str(caught.value)


def test_a_concept_may_lose_several_others_and_they_may_stay() -> None:
    horse = Edit(action="erase", source="horse", within="cowboy")
    elsewhere = Edit(action="erase", source="hat", within="sheriff")
    plan = Plan(edits=(HAT, horse, elsewhere), preserve=("hat",))
    assert len({edit.key for edit in plan.edits}) == 3
    assert len({edit.fingerprint() for edit in (HAT, horse, elsewhere, Edit(action="erase", source="hat"))}) == 4


def test_names_are_composed_and_otherwise_kept() -> None:
    edit = Edit(action="erase", source=" e\u0301clair  🏴‍☠️ {x} ")
    assert edit.source == "éclair  🏴‍☠️ {x}"


def test_defaults_and_derived_values() -> None:
    assert PISTOL.prompts == KINDS["object"].prompts
    assert PISTOL.key == "replace:pistol"
    assert PISTOL.at == "replace 'pistol'"
    assert PISTOL.destinations == ("water pistol",)
    assert Edit(action="debias", source="a", over={"b": 0.25, "c": 0.75}).destinations == ("b", "c")
    assert Edit(action="erase", source="a").destinations == ()
    assert (Plan(edits=(PISTOL,)).model, Plan(edits=(PISTOL,)).method) == ("emoji", "emcid")


def test_written_thirds_sum_to_one() -> None:
    edit = Edit(action="debias", source="a", over={"b": 0.333, "c": 0.333, "d": 0.333})
    assert sum((edit.over or {}).values()) == pytest.approx(1, abs=1e-12)
    assert Plan.parse({"edits": [{"debias": "a", "over": ["b", "c", "d"]}]}).edits[0].over == pytest.approx(edit.over)


def test_where_it_was_read_is_no_part_of_what_it_says() -> None:
    moved = PISTOL.model_copy(update={"where": Where("plan.yaml", 3)})
    assert moved == PISTOL
    assert hash(moved) == hash(PISTOL)
    assert moved.fingerprint() == PISTOL.fingerprint()
    assert moved.at == "plan.yaml:3"
    assert Edit(action="erase", source="pistol") != PISTOL


def test_the_fingerprint_is_of_what_is_said() -> None:
    """The literal is a promise: a run that was begun by an older version is recognised."""
    plan = Plan(edits=(PISTOL,))
    assert plan.fingerprint() == "35643690af45eaeb83293a77d3fe0f4cb5ab4d2a73c470f76b264163377f465e"
    changed = [
        Plan(edits=(PISTOL,), seed=1),
        Plan(edits=(PISTOL,), settings={"steps": 1}),
        Plan(edits=(PISTOL,), preserve=("a",)),
        Plan(edits=(PISTOL.model_copy(update={"seed": 0}),)),
    ]
    assert len({one.fingerprint() for one in (plan, *changed)}) == 5
    assert (
        Plan(edits=(PISTOL,), settings={"a": 1, "b": 2}).fingerprint()
        == Plan(edits=(PISTOL,), settings={"b": 2, "a": 1}).fingerprint()
    )


def test_pictures_count_by_their_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "1.png", tmp_path / "2.png"
    one.write_bytes(b"a")
    two.write_bytes(b"a")
    edits = [Edit(action="rectify", source="a", images=(path,)) for path in (one, two)]
    assert edits[0].fingerprint() == edits[1].fingerprint()
    two.write_bytes(b"b")
    assert edits[0].fingerprint() != edits[1].fingerprint()
    two.unlink()
    with pytest.raises(PlanError, match="cannot read the picture"):
        edits[1].fingerprint()


def test_a_plan_is_written_in_the_words_of_plans(tmp_path: Path) -> None:
    text = Plan(edits=(PISTOL,), preserve=("toy box",)).write(tmp_path / "plan.yaml").read_text()
    assert text == (
        "model: emoji\nmethod: emcid\nseed: 0\nsettings: {}\nedits:\n- replace: pistol\n  with: water pistol\n"
        "  kind: object\n  prompts: ['An image of {}', 'A photo of {}', '{}']\npreserve: [toy box]\n"
    )
    with pytest.raises(PlanError, match="written as"):
        Plan(edits=(PISTOL,)).write(tmp_path / "plan.csv")


def test_the_room_does_not_know_torch() -> None:
    code = "import sys, overpaint.plan, overpaint.plan.reading; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
