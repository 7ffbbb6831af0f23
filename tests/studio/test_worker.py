"""The queue: one at a time, in order, through cancelling, failing, closing and starting again."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from overpaint.errors import RunError
from overpaint.runs import RunFolder
from overpaint.studio.jobs import Job, Jobs
from tests.studio.worlds import FakeBench, eventually, plan, room


def states(folder: Path) -> dict[str, str]:
    return {job.name: job.state for job in Jobs(folder).listed()}


def test_jobs_are_done_one_after_the_other_in_order(tmp_path: Path) -> None:
    studio = room(tmp_path)
    for name in ("one", "two", "three"):
        studio.worker.submit(plan(name), name)
    studio.worker.start()
    eventually(lambda: set(states(tmp_path).values()) == {"finished"})
    assert studio.bench.done == ["erase:one", "erase:two", "erase:three"]  # type: ignore[attr-defined]
    studio.worker.close()


def test_cancelling_keeps_what_is_finished_and_going_on_does_the_rest(tmp_path: Path) -> None:
    bench = FakeBench()
    studio = room(tmp_path, bench)
    bench.gate.clear()
    name = studio.worker.submit(plan("one", "two"), "both").name
    studio.worker.start()
    assert bench.reached.wait(30)
    assert states(tmp_path) == {name: "running"}
    board = studio.worker.board(name)
    assert board is not None
    assert [(bar.name, bar.done, bar.total) for bar in board.bars()] == [("Stage I", 0, 2)]
    studio.worker.cancel(name)
    bench.gate.set()
    eventually(lambda: studio.worker.board(name) is None)
    assert states(tmp_path) == {name: "cancelled"}
    assert RunFolder.open(tmp_path / name).record["status"] == "stopped"
    assert bench.done == ["erase:one"]
    studio.worker.resume(name)
    eventually(lambda: states(tmp_path) == {name: "finished"})
    assert bench.done == ["erase:one", "erase:two"]
    with pytest.raises(RunError, match="finished already"):
        studio.worker.cancel(name)
    with pytest.raises(RunError, match="nothing to go on with"):
        studio.worker.resume(name)
    studio.worker.close()


def test_a_job_that_waits_can_be_taken_out(tmp_path: Path) -> None:
    studio = room(tmp_path)
    name = studio.worker.submit(plan("one"), "one").name
    studio.worker.cancel(name)
    other = studio.worker.submit(plan("two"), "two").name
    studio.worker.start()
    eventually(lambda: states(tmp_path) == {name: "cancelled", other: "finished"})
    studio.worker.close()


def test_a_failure_is_told_and_the_next_job_is_done(tmp_path: Path) -> None:
    studio = room(tmp_path)
    bad, good = (studio.worker.submit(plan(name), name).name for name in ("trouble", "fine"))
    studio.worker.start()
    eventually(lambda: states(tmp_path) == {bad: "failed", good: "finished"})
    assert studio.worker.jobs.find(bad).error == "trouble: the edit diverged; soften it"
    studio.worker.close()


def test_what_ran_when_the_studio_ended_goes_on_with_the_next_one(tmp_path: Path) -> None:
    bench = FakeBench()
    studio = room(tmp_path, bench)
    bench.gate.clear()
    names = [studio.worker.submit(plan(name, f"{name} too"), name).name for name in ("one", "two")]
    studio.worker.start()
    assert bench.reached.wait(30)
    threading.Timer(0.1, bench.gate.set).start()
    studio.worker.close()
    assert states(tmp_path) == {names[0]: "running", names[1]: "queued"}
    again = room(tmp_path, bench)
    assert states(tmp_path) == dict.fromkeys(names, "queued")
    again.worker.start()
    eventually(lambda: set(states(tmp_path).values()) == {"finished"})
    assert bench.done == ["erase:one", "erase:one too", "erase:two", "erase:two too"]
    again.worker.close()


def test_the_device_is_lent_between_jobs_and_never_during_one(tmp_path: Path) -> None:
    bench = FakeBench()
    studio = room(tmp_path, bench)
    bench.gate.clear()
    for name in ("one", "two"):
        studio.worker.submit(plan(name), name)
    studio.worker.start()
    assert bench.reached.wait(30)
    with studio.worker.device(patience=0) as free:
        assert not free
    seen: list[list[str]] = []

    def draw() -> None:
        with studio.worker.device() as free:
            assert free
            seen.append(list(bench.done))

    thread = threading.Thread(target=draw)
    thread.start()
    eventually(lambda: studio.worker._borrowers == 1)
    bench.gate.set()
    thread.join(30)
    assert seen == [["erase:one"]]
    eventually(lambda: set(states(tmp_path).values()) == {"finished"})
    studio.worker.close()


def test_a_job_that_cannot_be_noted_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = room(tmp_path)
    lost, fine = (studio.worker.submit(plan(name), name).name for name in ("lost", "fine"))
    note = studio.worker.jobs.note

    def full(job: Job, *more: Any) -> Job:
        if job.name == lost:
            raise OSError(28, "No space left on device")
        return note(job, *more)

    monkeypatch.setattr(studio.worker.jobs, "note", full)
    studio.worker.start()
    eventually(lambda: states(tmp_path) == {lost: "queued", fine: "finished"})
    studio.worker.close()
