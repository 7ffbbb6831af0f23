from __future__ import annotations

from pathlib import Path

import pytest

from overpaint.errors import OverpaintError, PlanError
from overpaint.plan import Plan
from overpaint.studio.inputs import prompts_of, seeds_in, typed_plan, uploaded_plan
from tests.studio.worlds import HOSTILE

FOXES = {"replace": "cat", "with": "fox"}


def typed(action: str, concepts: str, **more: object) -> Plan:
    words = {"model": "emoji", "method": "emcid", "kind": "object", **more}
    return typed_plan(action, concepts, **words)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("action", "text", "entries"),
    [
        ("erase", "pizza", [{"erase": "pizza"}]),
        ("erase", "pizza -> green salad\n\n  dog ", [{"erase": "pizza", "to": "green salad"}, {"erase": "dog"}]),
        ("replace", "dog\trobot\r\ncat → fox", [{"replace": "dog", "with": "robot"}, FOXES]),
        ("rectify", "aubergine => eggplant", [{"rectify": "aubergine", "as": "eggplant"}]),
        (
            "debias",
            "pilot -> man pilot 30, woman pilot 10%",
            [{"debias": "pilot", "over": {"man pilot": 0.75, "woman pilot": 0.25}}],
        ),
    ],
)
def test_a_line_is_an_edit(action: str, text: str, entries: list[dict[str, object]]) -> None:
    assert typed(action, text) == Plan.parse({"method": "emcid", "edits": entries})


def test_all_mistakes_are_told_with_their_lines() -> None:
    with pytest.raises(PlanError) as caught:
        typed("replace", "dog\ncat -> fox\na -> b -> c\nhen ->")
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["line 1", "line 3", "line 4"]


@pytest.mark.parametrize("text", ["pilot -> man pilot", "pilot -> man 0, woman 0", "pilot -> man 50, man 50", "pilot"])
def test_shares_need_numbers(text: str) -> None:
    with pytest.raises(PlanError, match="line 1"):
        typed("debias", text)


def test_more_than_concepts() -> None:
    plan = typed("erase", "pizza", preserve="pie\ncake", settings="steps=30\nrate=1e-4", seed=7.0, kind="fact")
    assert plan.preserve == ("pie", "cake")
    assert plan.settings == {"steps": 30, "rate": 1e-4}
    assert (plan.seed, plan.edits[0].kind) == (7, "fact")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"action": "explode", "concepts": "x"}, "no edit is called"),
        ({"action": "erase", "concepts": " \n "}, "no concept"),
        ({"action": "erase", "concepts": "x" * 300_000}, "upload a plan"),
        ({"action": "erase", "concepts": "pizza\nPizza"}, "edited twice"),
        ({"action": "erase", "concepts": "pizza", "seed": None}, "not a whole number"),
        ({"action": "erase", "concepts": "pizza", "settings": "steps"}, "key=value"),
        ({"action": "erase", "concepts": "pizza", "settings": "steps=" + "[" * 600}, "nested deeper"),
        ({"action": "erase", "concepts": "pizza", "kind": "../x"}, "unknown kind"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(given: dict[str, object], said: str) -> None:
    with pytest.raises(OverpaintError, match=said):
        typed(**given)  # type: ignore[arg-type]


def test_a_name_is_kept_as_it_is_written() -> None:
    assert typed("erase", HOSTILE).edits[0].source == HOSTILE


def upload(tmp_path: Path, text: str | bytes, name: str = "plan.yaml") -> Plan:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return uploaded_plan(path, "emoji", "uce")


def test_an_upload_brings_its_own_method_or_takes_the_chosen_one(tmp_path: Path) -> None:
    assert upload(tmp_path, "edits: [{erase: pizza}]").method == "uce"
    assert upload(tmp_path, "method: emcid\nedits: [{erase: pizza}]").method == "emcid"
    assert upload(tmp_path, "source,destination\ndog,robot\n", "plan.csv").edits[0].destination == "robot"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("plan.pkl", b"\x80\x04.", "is no plan"),
        ("plan.safetensors", b"", "is no plan"),
        ("plan.yaml", b"edits: [{erase: a}]\n#" + b"x" * (5 << 20), "larger than"),
        ("plan.yaml", "edits: secrets.csv", "does not send"),
        ("plan.yaml", "edits: /etc/passwd.csv", "does not send"),
        ("plan.yaml", "edits: [{erase: a, images: [/etc/passwd]}]", "names pictures"),
        ("plan.yaml", "model: /root/other\nedits: [{erase: a}]", "this Studio has 'emoji'"),
        ("plan.yaml", "edits: !!python/object/apply:os.system [ls]", "plan.yaml:1"),
        ("plan.json", "[" * 100_000, "plan.json"),
    ],
)
def test_an_upload_stands_alone(tmp_path: Path, name: str, text: str | bytes, said: str) -> None:
    (tmp_path / "secrets.csv").write_text("source,destination\nsecret,leaked\n")
    with pytest.raises(PlanError, match=said) as caught:
        upload(tmp_path, text, name)
    assert str(tmp_path) not in str(caught.value)


def test_prompts_and_seeds_are_bounded() -> None:
    assert prompts_of("a dog\n\n a cat ") == ["a dog", "a cat"]
    assert seeds_in("0..2, 9", rows=2) == [0, 1, 2, 9]
    with pytest.raises(OverpaintError, match="at most 32"):
        prompts_of("x\n" * 40)
    with pytest.raises(OverpaintError, match="at most 256"):
        seeds_in("0..99", rows=4)
    with pytest.raises(OverpaintError, match=r"^seeds one: not seeds"):
        seeds_in("one", rows=1)
