from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from overpaint.errors import PlanError
from overpaint.plan import Edit, Plan
from tests.plan.test_edit import HAT, PISTOL, WEAPONS


def test_plans_from_python_are_checked_too() -> None:
    with pytest.raises(PlanError, match="no edits"):
        Plan(edits=())
    with pytest.raises(PlanError, match="edited twice"):
        Plan(edits=(PISTOL, Edit(action="erase", source="Pistol")))
    with pytest.raises(PlanError, match="preserved at preserve"):
        Plan(edits=(PISTOL,), preserve=("PISTOL",))
    with pytest.raises(PlanError, match="not a finite number"):
        Plan(edits=(PISTOL,), settings={"a": [float("nan")]})


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


def test_the_fingerprint_is_of_what_is_said() -> None:
    """The literal is a promise: a run that was begun by an older version is recognised."""
    plan = Plan(method="emcid", edits=(PISTOL,))
    assert plan.fingerprint() == "35643690af45eaeb83293a77d3fe0f4cb5ab4d2a73c470f76b264163377f465e"
    changed = [
        Plan(method="emcid", edits=(PISTOL,), seed=1),
        Plan(method="emcid", edits=(PISTOL,), settings={"steps": 1}),
        Plan(method="emcid", edits=(PISTOL,), preserve=("a",)),
        Plan(method="emcid", edits=(PISTOL.model_copy(update={"seed": 0}),)),
    ]
    assert len({one.fingerprint() for one in (plan, *changed)}) == 5
    assert (
        Plan(method="emcid", edits=(PISTOL,), settings={"a": 1, "b": 2}).fingerprint()
        == Plan(method="emcid", edits=(PISTOL,), settings={"b": 2, "a": 1}).fingerprint()
    )


def test_a_plan_is_written_in_the_words_of_plans(tmp_path: Path) -> None:
    text = Plan(method="emcid", edits=(PISTOL,), preserve=("toy box",)).write(tmp_path / "plan.yaml").read_text()
    assert text == (
        "model: emoji\nmethod: emcid\nseed: 0\nsettings: {}\nedits:\n- replace: pistol\n  with: water pistol\n"
        "  kind: object\n  prompts: ['An image of {}', 'A photo of {}', '{}']\npreserve: [toy box]\n"
    )
    with pytest.raises(PlanError, match="written as"):
        Plan(edits=(PISTOL,)).write(tmp_path / "plan.csv")


def test_the_room_does_not_know_torch() -> None:
    code = "import sys, overpaint.plan, overpaint.plan.reading; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
