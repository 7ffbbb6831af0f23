"""A run that ended before its time goes on, whatever ended it."""

from __future__ import annotations

import errno
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from overpaint.errors import RunError
from overpaint.files import TEMPORARY
from overpaint.runs import RunFolder
from tests.runs.examples import PLAN, Thing, finish, provenance, status


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
    """Its record says why it failed, until it goes on."""

    def work() -> None:
        with RunFolder.create(tmp_path, PLAN, provenance()) as run:
            run.bank.put("a", {"value": torch.ones(1)})
            raise error

    with pytest.raises(type(error)):
        work()
    assert status(tmp_path) == ends
    assert ("boom" in (tmp_path / "log.txt").read_text()) == (ends == "failed")
    assert RunFolder.open(tmp_path).failure == ("the run failed: ValueError: boom" if ends == "failed" else None)
    with RunFolder.create(tmp_path, PLAN, provenance()) as run:
        assert run.resumed
        assert run.bank.get("a") is not None
        assert (run.failure, run.record["error"]) == (None, None)


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


def test_what_fails_to_be_saved_leaves_the_old(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path, PLAN, provenance()) as run:
        run.save_patch(Thing(b"whole"))
        with pytest.raises(OSError, match="disk full"):
            run.save_patch(Thing(b"half", fails=True))
        assert run.patch_path.read_bytes() == b"whole"


def test_other_versions_go_on_and_are_logged(tmp_path: Path) -> None:
    RunFolder.create(tmp_path, PLAN, provenance(versions={"torch": "1"})).close()
    with RunFolder.create(tmp_path, PLAN, provenance()) as run:
        assert run.resumed
        assert run.record["versions"] == {"torch": "1"}
    assert "other versions" in (tmp_path / "log.txt").read_text()


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
