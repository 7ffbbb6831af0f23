"""Banks without a model: what is asked for, by whom, and what is refused."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from PIL import Image

from overpaint.errors import OverpaintError, PlanError, RunError
from overpaint.files import TEMPORARY
from overpaint.plan import Plan
from overpaint.runs import Bank, RunFolder
from tests.plan.strategies import plans
from tests.runs.examples import provenance


def plan(*edits: dict[str, Any], **rest: Any) -> Plan:
    return Plan.parse({"edits": list(edits), **rest})


PISTOL = {"replace": "pistol", "with": "water pistol"}
PIZZA = {"erase": "pizza"}
PILOT = {"debias": "pilot", "over": {"man pilot": 0.5, "woman pilot": 0.5}, "kind": "profession", "seed": 4}


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    made = Bank.create(tmp_path / "policy", plan(PISTOL, method="emcid-copy", seed=3))
    made.add(plan(PISTOL, PIZZA, preserve=["toy box"]))
    return made


def sources(bank: Bank) -> list[str]:
    return [edit.source for edit in bank.edits]


def test_what_is_in_force_does_not_depend_on_the_way_there(bank: Bank, tmp_path: Path) -> None:
    bank.add(plan(PILOT))
    bank.withdraw("pizza", "toy box")
    other = Bank.create(tmp_path / "other", plan(PISTOL, method="emcid-copy", seed=3))
    assert other.edits == []
    for one in (PILOT, PISTOL):
        assert len(other.add(plan(one))) == 1
        assert other.add(plan(one)) == []
    assert other.plan == bank.plan == Bank.open(bank.path).plan
    assert (bank.plan.method, bank.plan.seed, bank.plan.preserve) == ("emcid-copy", 3, ())
    bank.replace(plan({"replace": "pistol", "with": "banana"}))
    assert [edit.destination for edit in bank.edits] == [None, "banana"]


@given(plans())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_plan_is_kept_word_for_word(tmp_path_factory: pytest.TempPathFactory, asked: Plan) -> None:
    bank = Bank.create(tmp_path_factory.mktemp("any") / "bank", asked)
    bank.add(asked)
    again = Bank.open(bank.path).plan
    assert {edit.fingerprint() for edit in again.edits} == {edit.fingerprint() for edit in asked.edits}
    assert sorted(again.preserve) == sorted(asked.preserve)
    assert (again.model, again.method, again.settings, again.seed) == (
        *(asked.model, asked.method, asked.settings, asked.seed),
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda b: b.add(plan({"replace": "Pistol", "with": "banana"})), "the bank has replace pistol with water"),
        (lambda b: b.add(plan({"erase": "water pistol"})), "which is itself edited"),
        (lambda b: b.add(plan({"erase": "toy box"})), "preserved"),
        (lambda b: b.add(plan({"erase": "cat"}, preserve=["pizza"])), "preserved"),
        (lambda b: b.add(plan({"erase": "cat"}, seed=4)), "a bank of seed 3, not 4"),
        (lambda b: b.add(plan({"erase": "cat"}, method="uce")), "a bank of method 'emcid-copy'"),
        (lambda b: b.add(plan({"erase": "cat"}, settings={"steps": 3})), "a bank of settings"),
        (lambda b: b.replace(plan({"erase": "cat"})), "no edit of 'cat'; add it"),
        (lambda b: b.replace(plan({"replace": "pistol", "with": "pizza"})), "which is itself edited"),
        (lambda b: b.withdraw("pizza", "cat"), "no edit of it"),
        (lambda b: b.merge(b.path / "nothing"), "no run in"),
        (lambda b: Bank.create(b.path, plan(PISTOL, method="uce")), "a bank of method"),
        (lambda b: Bank.create(b.path.parent, plan(PISTOL)), "holds other files"),
        (lambda b: Bank.open(b.path.parent), "no bank in"),
    ],
)
def test_what_is_refused_changes_nothing(bank: Bank, change: Any, says: str) -> None:
    before = {path: path.read_bytes() for path in bank.path.rglob("*") if path.is_file()}
    with pytest.raises(OverpaintError, match=says) as caught:
        change(bank)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in bank.path.rglob("*") if path.is_file()} == before


def test_what_another_process_is_writing_is_not_there_yet(bank: Bank) -> None:
    before = bank.plan
    (bank.path / "edits" / f"{TEMPORARY}1.json").write_text('{"edit": {"erase": "c')
    whole = sorted((bank.path / "edits").glob("[!.]*"))[0].read_text()
    (bank.path / "edits" / f"{TEMPORARY}2.json").write_text(whole)
    assert bank.plan == before


def test_many_at_once_lose_nothing_and_one_of_a_kind_wins(bank: Bank) -> None:
    def ask(number: int) -> str:
        try:
            Bank.open(bank.path).add(plan({"erase": f"thing {number % 10}", "to": f"place {number}"}))
        except PlanError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(8) as pool:
        refused = [text for text in pool.map(ask, range(20)) if text]
    assert sources(bank) == sorted(["pistol", "pizza", *(f"thing {i}" for i in range(10))])
    assert len(refused) == 10
    assert not [path for path in bank.path.rglob(".overpaint-*")]


def test_banks_and_runs_are_merged(bank: Bank, tmp_path: Path) -> None:
    other = Bank.create(tmp_path / "other", plan(PISTOL, method="emcid-copy", seed=3))
    other.add(plan(PISTOL, PILOT, preserve=["rifle"]))
    bank.memories.put("both", {"value": torch.zeros(2)})
    for key, value in (("both", 1.0), ("one", 2.0)):
        other.memories.put(key, {"value": torch.full((2,), value)}, {"source": "pistol"})
    assert bank.merge(other.path) == (1, 1)
    assert bank.merge(other.path) == (0, 0)
    assert bank.plan.preserve == ("rifle", "toy box")
    assert sources(bank) == ["pilot", "pistol", "pizza"]
    assert torch.equal((bank.memories.get("both") or {})["value"], torch.zeros(2))
    assert bank.memories.meta("one") == {"source": "pistol"}
    with RunFolder.create(
        tmp_path / "run", plan(PISTOL, {"erase": "cat"}, method="emcid-copy", seed=3), provenance()
    ) as run:
        run.bank.put("of a run", {"value": torch.ones(1)})
    assert bank.merge(tmp_path / "run") == (1, 1)
    stranger = Bank.create(tmp_path / "stranger", plan(PISTOL, method="uce", seed=3))
    with pytest.raises(RunError, match="method"):
        bank.merge(stranger.path)


def test_pictures_come_along(bank: Bank, tmp_path: Path) -> None:
    picture = tmp_path / "cat.PNG"
    picture.write_bytes(b"a picture")
    edit = {"rectify": "cat", "images": [str(picture)]}
    asked = plan(edit)
    bank.add(asked)
    picture.unlink()
    (cat,) = (kept for kept in Bank.open(bank.path).edits if kept.source == "cat")
    assert cat.images[0].read_bytes() == b"a picture"
    assert cat.images[0].parent == bank.path / "pictures"
    elsewhere = Bank.create(tmp_path / "elsewhere", bank.plan)
    elsewhere.merge(bank.path)
    assert [edit.fingerprint() for edit in elsewhere.edits] == [edit.fingerprint() for edit in bank.edits]
    with pytest.raises(PlanError, match="picture"):
        bank.add(asked)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"edit": 1}',
        '{"edit": {"erase": ""}}',
        '{"preserve": 3}',
        "\ud800",
        "[" * 9000 + "]" * 9000,
        '{"preserve": "\\ud800"}',
    ],
)
def test_a_damaged_entry_is_named(bank: Bank, content: str) -> None:
    path = sorted((bank.path / "edits").iterdir())[0]
    path.write_text(content, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(RunError, match="damaged") as caught:
        _ = bank.plan
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "[" * 9000, json.dumps({"format": 1, "model": 3, "method": "x", "settings": {}, "seed": 0})],
)
def test_damaged_terms_are_said(bank: Bank, content: str) -> None:
    (bank.path / "bank.json").write_text(content)
    with pytest.raises(RunError, match=r"bank\.json is damaged"):
        Bank.open(bank.path)
    (bank.path / "bank.json").write_text(json.dumps({**bank.terms, "format": 2}))
    with pytest.raises(RunError, match="newer overpaint"):
        Bank.open(bank.path)


def test_what_an_addition_takes_on_the_disk_is_known_before(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "teal").save(tmp_path / "cat.png")
    shown = {"rectify": "dog", "images": [str(tmp_path / "cat.png")]}
    first, second = plan(PISTOL, shown, preserve=["toy box"]), plan({**shown, "rectify": "hen"}, PILOT)
    bank = Bank.on_terms_of(tmp_path / "bank", first)
    for one in (first, second):  # the second shows a picture that is there then
        expected = written(bank.path) + bank.size(bank.lacking(one), one.preserve)
        bank = Bank.create(bank.path, first)
        bank.add(one)
        assert written(bank.path) == expected


def written(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_what_others_would_bring_is_what_they_bring(bank: Bank, tmp_path: Path) -> None:
    others = []
    for name, edit in (("one", PILOT), ("two", {"erase": "hen"})):
        other = Bank.create(tmp_path / name, plan(PISTOL, method="emcid-copy", seed=3))
        other.add(plan(edit, PISTOL, preserve=[f"{name} box"]))
        for key in ("shared", name):
            other.memories.put(key, {"value": torch.ones(4)}, {"source": key})
        others.append(other.path)
    new, preserved, files = bank.mergeable(*others)
    expected = written(bank.path) + bank.size(new, preserved) + sum(file.stat().st_size for file in files)
    found = [bank.merge(other) for other in others]
    assert [len(new), len(files)] == [sum(column) for column in zip(*found, strict=True)] == [2, 3]
    assert written(bank.path) == expected
    assert bank.mergeable(*others)[0] == []
