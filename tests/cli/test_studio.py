"""``overpaint studio`` before it serves: what is told in a line, and what must not be touched twice."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import pytest

from overpaint.cli.studio import studio
from overpaint.plan import Plan
from overpaint.runs.lock import FolderLock
from overpaint.studio.jobs import Jobs
from tests.cli.conftest import Run, in_words, number


def test_it_listens_to_this_computer_alone_unless_told_otherwise() -> None:
    assert inspect.signature(studio).parameters["host"].default == "127.0.0.1"


def test_without_gradio_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    for name in [
        name for name in sys.modules if name.startswith("overpaint.studio.") and name.endswith(("server", "page"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    result = run("studio", "--runs", tmp_path / "runs", code=2)
    assert "pip install 'overpaint[studio]'" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_two_of_them_do_not_share_a_folder(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("gradio", reason="gradio is not installed (the extra studio)")
    lock = FolderLock(tmp_path)
    try:
        result = run("studio", "--runs", tmp_path, code=2)
    finally:
        lock.release()
    assert "is being written by process" in result.stderr


def test_a_dry_run_counts_what_waits_and_starts_nothing(run: Run, model: Path, tmp_path: Path) -> None:
    pytest.importorskip("gradio", reason="gradio is not installed (the extra studio)")
    runs = tmp_path / "runs"

    def told() -> tuple[str, str]:
        result = run("studio", "--model", model, "--runs", runs, "--port", 0, "--device", "cpu", "--dry-run")
        return in_words(result.stdout), result.stderr

    assert number(told()[0], "jobs that wait") == 0
    assert not runs.exists()
    jobs, plan = Jobs(runs), Plan.parse({"model": str(model), "method": "uce", "edits": [{"erase": "dog"}]})
    waiting, unfit = jobs.add(plan, "waiting"), jobs.add(plan.model_copy(update={"settings": {"x": 1}}), "unfit")
    jobs.note(waiting, "running")  # by a process that is gone
    jobs.note(jobs.add(plan, "done"), "finished")
    before = jobs.listed()
    table, problems = told()
    assert number(table, "jobs that wait") == 2
    alone = in_words(run("edit", plan.write(tmp_path / "plan.yaml"), "--out", tmp_path / "x", "--dry-run").stdout)
    for figure in ("weights that change", "pictures to draw", "evaluations of the denoiser"):
        assert number(table, figure) == number(alone, figure)
    assert problems.startswith(f"{unfit.name}: ")
    assert jobs.listed() == before
    assert sorted(path.name for path in runs.iterdir()) == sorted(job.name for job in before)
