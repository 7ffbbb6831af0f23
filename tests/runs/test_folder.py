from __future__ import annotations

import errno
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from overpaint.errors import PlanError, RunError
from overpaint.files import TEMPORARY
from overpaint.plan import Edit, Plan
from overpaint.provenance import Provenance
from overpaint.runs import RunFolder

PLAN = Plan(edits=(Edit(action="replace", source="pistol", destination="water pistol"),), seed=3)
OTHER = Plan(edits=(Edit(action="erase", source="pizza"),), seed=3)


class Thing:
    """Saves itself, or dies half-way."""

    def __init__(self, content: bytes, fails: bool = False) -> None:
        self.content, self.fails = content, fails

    def save(self, path: Path) -> None:
        path.write_bytes(self.content)
        if self.fails:
            raise OSError("disk full")


def provenance(**changes: Any) -> Provenance:
    words = {"model": "emoji", "model_fingerprint": "a" * 64, "method": "emcid", "settings": {"steps": 5}, "seed": 3}
    return Provenance(**{**words, **changes})


def status(path: Path) -> str:
    return str(json.loads((path / "run.json").read_text())["status"])


def finish(path: Path, plan: Plan = PLAN) -> None:
    with RunFolder.create(path, plan, provenance()) as run:
        run.bank.put("a", {"value": torch.ones(1)})
        run.save_patch(Thing(b"patch"))
        run.finish(patch="hash")


def test_a_run_from_start_to_end(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "one"
    with RunFolder.create(path, PLAN, provenance()) as run:
        assert not run.resumed
        assert not run.finished
        assert status(path) == "running"
        run.bank.put("a", {"value": torch.ones(1)})
        run.save_patch(Thing(b"patch"))
        run.save_metrics({"accuracy": 0.5})
        run.save_picture(Thing(b"picture"))
        run.finish(patch="hash")
    assert sorted(os.listdir(path)) == [
        *("bank", "before_after.png", "log.txt", "metrics.json", "patch.safetensors", "plan.yaml", "run.json")
    ]
    back = RunFolder.open(path)
    assert back.finished
    assert back.plan == PLAN
    assert back.metrics == {"accuracy": 0.5}
    assert back.patch_path.read_bytes() == b"patch"
    assert back.picture_path.read_bytes() == b"picture"
    assert list(back.bank.keys()) == ["a"]
    record = back.record
    assert record["results"] == {"patch": "hash"}
    assert record["plan"] == PLAN.fingerprint()
    assert record["started"] <= record["finished"]
    assert record["started"].endswith("+00:00")
    assert {"torch", "python"} <= record["versions"].keys()
    assert (record["seed"], record["method"], record["settings"]) == (3, "emcid", {"steps": 5})


def test_a_finished_run_is_recognised_and_left_as_it_is(tmp_path: Path) -> None:
    finish(tmp_path)
    before = (tmp_path / "run.json").read_bytes()
    with RunFolder.create(tmp_path, PLAN, provenance()) as run:
        assert run.finished
        assert not run.resumed
    assert (tmp_path / "run.json").read_bytes() == before
    (tmp_path / "patch.safetensors").unlink()
    with RunFolder.create(tmp_path, PLAN, provenance()) as run:
        assert not run.finished
        assert run.resumed


@pytest.mark.parametrize(("error", "ends"), [(ValueError("boom"), "failed"), (KeyboardInterrupt(), "stopped")])
def test_a_run_that_ends_badly_is_resumed(tmp_path: Path, error: BaseException, ends: str) -> None:
    def work() -> None:
        with RunFolder.create(tmp_path, PLAN, provenance()) as run:
            run.bank.put("a", {"value": torch.ones(1)})
            raise error

    with pytest.raises(type(error)):
        work()
    assert status(tmp_path) == ends
    assert ("boom" in (tmp_path / "log.txt").read_text()) == (ends == "failed")
    with RunFolder.create(tmp_path, PLAN, provenance()) as run:
        assert run.resumed
        assert run.bank.get("a") is not None


KILLED = """
import sys, time
from overpaint.plan import Plan
from overpaint.provenance import Provenance
from overpaint.runs import RunFolder

class Slow:
    def save(self, path):
        path.write_bytes(b"half a patch")
        print("writing", flush=True)
        time.sleep(60)

plan = Plan.read(sys.argv[1] + "/plan.yaml")
run = RunFolder.create(sys.argv[1], plan, Provenance("emoji", "a" * 64, "emcid", {"steps": 5}, 3))
run.save_patch(Slow())
"""


@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
def test_a_run_that_is_killed_while_it_writes_is_resumed(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path, PLAN, provenance()) as run:
        run.bank.put("a", {"value": torch.ones(1)})
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    with pytest.raises(RunError, match=f"written by process {process.pid}"):
        RunFolder.create(tmp_path, PLAN, provenance())
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert any(name.startswith(TEMPORARY) for name in os.listdir(tmp_path))
    assert status(tmp_path) == "running"
    with RunFolder.create(tmp_path, PLAN, provenance()) as run:
        assert run.resumed
        assert run.bank.get("a") is not None
        assert not run.patch_path.exists()
        assert not any(name.startswith(TEMPORARY) for name in os.listdir(tmp_path))


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


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1}', "\x00"])
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


def test_other_versions_go_on_and_are_logged(tmp_path: Path) -> None:
    RunFolder.create(tmp_path, PLAN, provenance(versions={"torch": "1"})).close()
    with RunFolder.create(tmp_path, PLAN, provenance()) as run:
        assert run.resumed
        assert run.record["versions"] == {"torch": "1"}
    assert "other versions" in (tmp_path / "log.txt").read_text()


def test_what_fails_to_be_saved_leaves_the_old(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path, PLAN, provenance()) as run:
        run.save_patch(Thing(b"whole"))
        with pytest.raises(OSError, match="disk full"):
            run.save_patch(Thing(b"half", fails=True))
        assert run.patch_path.read_bytes() == b"whole"


def test_a_run_that_is_open_for_reading_is_not_written(tmp_path: Path) -> None:
    finish(tmp_path)
    run = RunFolder.open(tmp_path)
    for write in (lambda: run.save_patch(Thing(b"x")), lambda: run.save_metrics({}), run.finish):
        with pytest.raises(ValueError, match="open for reading"):
            write()
    assert run.patch_path.read_bytes() == b"patch"


def test_the_library_logs_into_the_folder_only_while_it_is_open(tmp_path: Path) -> None:
    logger = logging.getLogger("overpaint.methods.something")
    level = logging.getLogger("overpaint").level
    with RunFolder.create(tmp_path, PLAN, provenance()):
        logger.info("inside é")
    logger.warning("outside")
    text = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert "INFO inside é" in text
    assert "outside" not in text
    assert logging.getLogger("overpaint").level == level


def test_memories_of_another_run_serve(tmp_path: Path) -> None:
    finish(tmp_path / "old")
    with RunFolder.create(tmp_path / "new", OTHER, provenance(), reuse=[tmp_path / "old"]) as run:
        assert run.bank.get("a") is not None
    assert list(RunFolder.open(tmp_path / "new").bank.keys()) == ["a"]


def test_pictures_that_vanish_stop_a_new_run_but_not_a_look_at_an_old_one(tmp_path: Path) -> None:
    picture = tmp_path / "cat.png"
    picture.write_bytes(b"1")
    plan = Plan(edits=(Edit(action="rectify", source="cat", images=(picture,)),), seed=3)
    RunFolder.create(tmp_path / "run", plan, provenance()).close()
    picture.write_bytes(b"2")
    with pytest.raises(RunError, match="a picture has changed"):
        RunFolder.create(tmp_path / "run", plan, provenance())
    picture.unlink()
    assert RunFolder.open(tmp_path / "run").plan == plan
    with pytest.raises(PlanError, match="cannot read the picture"):
        RunFolder.create(tmp_path / "run", plan, provenance())


def test_a_plan_that_was_damaged_is_said(tmp_path: Path) -> None:
    finish(tmp_path)
    (tmp_path / "plan.yaml").write_text("edits: [")
    with pytest.raises(RunError, match="the run's plan cannot be read"):
        _ = RunFolder.open(tmp_path).plan


def test_a_disk_that_is_full_in_mid_run_is_the_only_thing_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither the log nor the note of how it ended gets in the way of the error, and the run goes on later."""

    def full(*words: Any, **named: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def work() -> None:
        with RunFolder.create(tmp_path, PLAN, provenance()) as run:
            run.bank.put("a", {"value": torch.ones(1)})
            monkeypatch.setattr("overpaint.runs.folder.write_json_atomic", full)
            monkeypatch.setattr(logging.FileHandler, "flush", full)
            logging.getLogger("overpaint.somewhere").info("never written")
            run.save_patch(Full())

    class Full:
        save = staticmethod(full)

    with pytest.raises(OSError, match="No space left") as caught:
        work()
    assert caught.value.filename == str(tmp_path / "patch.safetensors")
    assert "Traceback" not in capfd.readouterr().err
    monkeypatch.undo()
    assert status(tmp_path) == "running"
    with RunFolder.create(tmp_path, PLAN, provenance()) as run:
        assert run.resumed
        assert list(run.bank.keys()) == ["a"]
