"""A folder that something else is in: refused in one line, or moved aside without loss."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from overpaint.errors import RunError
from overpaint.plan import Plan
from overpaint.runs import RunFolder
from tests.runs.examples import OTHER, PLAN, finish, provenance


@pytest.mark.parametrize(
    ("plan", "changes", "says"),
    [
        (OTHER, {}, r"another plan \(1 edits of its own, 1 new here\)"),
        (Plan(edits=PLAN.edits, seed=4), {}, r"another plan \(seed\)"),
        (Plan(edits=PLAN.edits, seed=3, preserve=("a",)), {}, r"another plan \(preserve\)"),
        (PLAN, {"model_fingerprint": "b" * 64}, r"another model \(aaaaaaaaaaaa…, here bbbbbbbbbbbb…\)"),
        (PLAN, {"method": "uce"}, r"another method \(emcid, here uce\)"),
        (PLAN, {"settings": {"steps": 6}}, r"other settings \(steps\)"),
    ],
)
@pytest.mark.parametrize("done", [True, False])
def test_another_run_is_refused_in_one_line_with_a_remedy(
    tmp_path: Path, plan: Plan, changes: dict[str, Any], says: str, done: bool
) -> None:
    if done:
        finish(tmp_path)
    else:
        RunFolder.create(tmp_path, PLAN, provenance()).close()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(RunError, match=says) as caught:
        RunFolder.create(tmp_path, plan, provenance(**changes))
    assert "\n" not in str(caught.value)
    assert "--force" in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_force_loses_nothing_and_says_so(tmp_path: Path) -> None:
    finish(tmp_path)
    (tmp_path / "report.html").write_text("old")
    with RunFolder.create(tmp_path, OTHER, provenance(), force=True) as run:
        assert not run.resumed
        assert not run.finished
        assert run.record["previous"] == "previous-1"
        assert run.bank.get("a") is not None
    assert sorted(os.listdir(tmp_path)) == ["bank", "log.txt", "plan.yaml", "previous-1", "run.json"]
    assert "previous-1" in (tmp_path / "log.txt").read_text()
    old = RunFolder.open(tmp_path / "previous-1")
    assert old.finished
    assert old.plan == PLAN
    assert (tmp_path / "previous-1" / "report.html").read_text() == "old"
    with RunFolder.create(tmp_path, PLAN, provenance(), force=True) as run:
        assert run.record["previous"] == "previous-2"


def test_force_on_the_same_run_just_goes_on(tmp_path: Path) -> None:
    RunFolder.create(tmp_path, PLAN, provenance()).close()
    with RunFolder.create(tmp_path, PLAN, provenance(), force=True) as run:
        assert run.resumed
    assert not (tmp_path / "previous-1").exists()


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_move_that_was_killed_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    finish(tmp_path)
    record = (tmp_path / "run.json").read_bytes()
    steps = []

    def dying(name: str) -> Callable[..., Any]:
        original = getattr(Path, name)

        def call(self: Path, *words: Any, **more: Any) -> Any:
            if name == "rename" or self.name == "run.json":
                steps.append(self)
                if len(steps) == step:
                    raise KeyboardInterrupt
            return original(self, *words, **more)

        return call

    for name in ("rename", "unlink"):
        monkeypatch.setattr(Path, name, dying(name))
    with pytest.raises(KeyboardInterrupt):
        RunFolder.create(tmp_path, OTHER, provenance(), force=True)
    monkeypatch.undo()
    with RunFolder.create(tmp_path, OTHER, provenance()) as run:
        assert run.record["previous"] == "previous-1"
        assert run.plan == OTHER
    old = RunFolder.open(tmp_path / "previous-1")
    assert old.finished
    assert old.plan == PLAN
    assert (tmp_path / "previous-1" / "run.json").read_bytes() == record


@pytest.mark.parametrize("force", [True, False])
def test_files_of_a_person_are_never_touched(tmp_path: Path, force: bool) -> None:
    (tmp_path / "plan.yaml").write_text("mine")
    with pytest.raises(RunError, match=r"holds other files \(plan\.yaml\)"):
        RunFolder.create(tmp_path, PLAN, provenance(), force=force)
    assert os.listdir(tmp_path) == ["plan.yaml"]
    assert (tmp_path / "plan.yaml").read_text() == "mine"


def test_a_record_with_entries_that_are_none_is_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    finish(folder)
    record = json.loads((folder / "run.json").read_text())
    wrong: list[dict[str, Any]] = [{"results": "x"}, {"settings": []}, {"status": 3}, {"versions": None}, {"plan": []}]
    strange = ({"previous": 3}, {"moved_to": "../elsewhere"}, {"moved_to": "/"}, {"moved_to": ""}, {"moved_to": "bank"})
    for entries in (*wrong, *strange, {"format": "1"}, {"note": float("nan")}, {"note": "\ud800"}):
        (folder / "run.json").write_text(json.dumps({**record, **entries}))
        for read in (RunFolder.open, lambda path: RunFolder.create(path, PLAN, provenance())):
            with pytest.raises(RunError, match=r"run\.json is damaged"):
                read(folder)
    assert os.listdir(tmp_path) == ["run"]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1}', "\x00", "[" * 9000 + "]" * 9000])
def test_a_damaged_record_is_said_and_can_be_moved_aside(tmp_path: Path, content: str) -> None:
    finish(tmp_path)
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunError, match=r"run\.json is damaged"):
        RunFolder.open(tmp_path)
    with pytest.raises(RunError, match=r"run\.json is damaged"):
        RunFolder.create(tmp_path, PLAN, provenance())
    with RunFolder.create(tmp_path, PLAN, provenance(), force=True) as run:
        assert not run.resumed
    assert (tmp_path / "previous-1" / "patch.safetensors").exists()


def test_places_that_cannot_hold_a_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RunError, match="cannot write"):
            RunFolder.create(path, PLAN, provenance())
    for path in (tmp_path / "file", tmp_path, tmp_path / "none"):
        with pytest.raises(RunError, match="no run in"):
            RunFolder.open(path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    finish(tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**record, "format": 99}))
    with pytest.raises(RunError, match="newer overpaint"):
        RunFolder.open(tmp_path)
