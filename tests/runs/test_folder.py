"""What a run's folder holds, and who may write into it."""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from overpaint.errors import PlanError, RunError
from overpaint.plan import Edit, Plan
from overpaint.runs import RunFolder
from tests.runs.examples import OTHER, PLAN, Thing, finish, provenance, status


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


def test_what_failed_is_kept_in_one_line(tmp_path: Path) -> None:
    def fail(folder: Path, error: Exception) -> str | None:
        with suppress(type(error)), RunFolder.create(folder, PLAN, provenance()):
            raise error
        return RunFolder.open(folder).failure

    assert fail(tmp_path, PlanError("a: b; c", "d: e; f")) == "the run failed: a: b; c; d: e; f"
    assert fail(tmp_path, OSError("disk\n full")) == "the run failed: OSError: disk; full"
    content = json.loads((tmp_path / "run.json").read_text())
    del content["error"]  # as earlier versions left it
    (tmp_path / "run.json").write_text(json.dumps(content))
    assert RunFolder.open(tmp_path).failure == "the run failed; its log says why"


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
