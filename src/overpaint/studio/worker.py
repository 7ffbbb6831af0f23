"""The queue: one thread works on one job after the other, as one device can. What waits is read from disk each time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from overpaint.cli.errors import explained
from overpaint.errors import RunError
from overpaint.plan import Plan
from overpaint.studio.board import Board, Stopped
from overpaint.studio.jobs import Job, Jobs

__all__ = ["Worker"]

_log = logging.getLogger(__name__)


class Worker:
    """Carries out the jobs of a folder, and lends the device to others between them.

    Arguments:
        jobs: where they are.
        carry_out: does one; it raises `Stopped` where the board says so, and goes on with what it finds next time.
    """

    def __init__(self, jobs: Jobs, carry_out: Callable[[Job, Board], None]) -> None:
        self.jobs = jobs
        self._carry_out = carry_out
        self._device = threading.Lock()
        self._turn = threading.Condition()
        self._closing = False
        self._borrowers = 0
        self._unreadable: set[str] = set()
        self._current: tuple[str, Board] | None = None
        self._thread = threading.Thread(target=self._run, name="overpaint jobs", daemon=True)
        for job in jobs.listed():
            if job.state == "running":  # the process that had it is gone
                jobs.note(job, "queued")

    def start(self) -> None:
        """Begin with what waits."""
        self._thread.start()

    def close(self, patience: float = 30.0) -> None:
        """End. The running job stops at its next step and waits for the next start; ``patience`` in seconds."""
        with self._turn:
            self._closing = True
            if self._current is not None:
                self._current[1].stop()
            self._turn.notify_all()
        if self._thread.ident is not None:
            self._thread.join(patience)

    def submit(self, plan: Plan, title: str, strength: float = 1.0) -> Job:
        """Queue a job. It is on disk when this returns."""
        with self._turn:
            job = self.jobs.add(plan, title, strength)
            self._turn.notify_all()
        return job

    def cancel(self, name: str) -> None:
        """Take a job out of the queue, or stop it; the concepts that it finished are kept.

        Raises:
            RunError: there is no such job, or it has ended.
        """
        with self._turn:
            job = self.jobs.find(name)
            if not job.unfinished:
                raise RunError(f"{name}: is {job.state} already")
            self.jobs.note(job, "cancelled")
            if self._current is not None and self._current[0] == name:
                self._current[1].stop()

    def resume(self, name: str) -> None:
        """Queue a job again that was cancelled or failed; what it finished is not done again.

        Raises:
            RunError: there is no such job, or there is nothing to resume.
        """
        with self._turn:
            job = self.jobs.find(name)
            if job.state not in ("cancelled", "failed"):
                raise RunError(f"{name}: is {job.state}; there is nothing to go on with")
            if self._current is not None and self._current[0] == name:
                raise RunError(f"{name}: is still stopping; try again in a moment")
            self.jobs.again(job)
            self._turn.notify_all()

    def board(self, name: str) -> Board | None:
        """The progress of a job; None unless it is the running one."""
        current = self._current
        return current[1] if current is not None and current[0] == name else None

    @contextmanager
    def device(self, patience: float = -1) -> Iterator[bool]:
        """Have the device to oneself, before any job that only waits.

        Gives whether that came about within ``patience`` seconds (-1: wait for it).
        """
        with self._turn:
            self._borrowers += 1
        got = self._device.acquire(timeout=patience)
        try:
            yield got
        finally:
            if got:
                self._device.release()
            with self._turn:
                self._borrowers -= 1
                self._turn.notify_all()

    def _run(self) -> None:
        while True:
            with self._turn:
                job = self._next()
                while not self._closing and (job is None or self._borrowers):
                    self._turn.wait()
                    job = self._next()
                if self._closing or job is None:
                    return
            with self._device:
                try:
                    self._work_on(job.name)
                except (OSError, RunError):  # its folder is gone or cannot be written: the others are no worse for it
                    _log.exception("job %s cannot be noted", job.name)
                    self._unreadable.add(job.name)

    def _next(self) -> Job | None:
        waiting = (job for job in self.jobs.listed() if job.state == "queued" and job.name not in self._unreadable)
        return next(waiting, None)

    def _work_on(self, name: str) -> None:
        with self._turn:
            job = self.jobs.find(name)
            if job.state != "queued" or self._closing:  # taken out while the device was lent
                return
            job = self.jobs.note(job, "running")
            board = Board()
            self._current = name, board
        error = ""
        try:
            self._carry_out(job, board)
            ended = "finished"
        except Stopped:
            ended = "stopped"
        except Exception as failure:
            _log.exception("job %s failed", name)
            ended, error = "failed", "\n".join(explained(failure) or [f"{type(failure).__name__}: {failure}"])
        with self._turn:
            self._current = None
            # a job that is stopped by `close` stays "running" on disk, and is queued by the next start
            if ended == "finished":
                self.jobs.note(job, "finished")
            elif ended == "failed":
                self.jobs.note(job, "failed", error)
