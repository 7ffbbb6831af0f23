from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from overpaint.errors import PlanError
from overpaint.plan import KINDS, Edit, Plan, Where

PISTOL = Edit(action="replace", source="pistol", destination="water pistol")

HAT = Edit(action="erase", source="hat", within="cowboy")

WEAPONS = Edit(action="moderate", source="weapon", members=("pistol", "sword"), destination="toy")


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
        Edit(action="remove", source="a")
    with pytest.raises(ValidationError):
        PISTOL.source = "gun"  # type: ignore[misc]


def test_what_an_edit_changes_and_asks_of_a_method() -> None:
    assert (HAT.edited, HAT.needs, HAT.key) == (("cowboy",), ("erase", "erase from"), "erase:hat from:cowboy")
    assert WEAPONS.edited == ("weapon", "pistol", "sword")
    assert WEAPONS.destinations == ("toy",)
    pictures = Edit(action="erase", source="a", images=(Path("b.png"),))
    assert pictures.needs == ("erase", "erase images")
    assert (WEAPONS.needs, PISTOL.needs) == (("moderate", "moderate to"), ("replace",))


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
    assert (Plan(edits=(PISTOL,)).model, Plan(edits=(PISTOL,)).method) == ("emoji", "auto")


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
