"""Progress that a browser can look at, and through which work is told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from overpaint.progress import Advance

__all__ = ["Bar", "Board", "Stopped"]


class Stopped(BaseException):
    """Somebody stopped the work. No `Exception`, like an interrupt: nothing on the way takes it for a failure."""


@dataclass(frozen=True)
class Bar:
    """A task that is open: steps done of ``total`` (None: unknown), the last note, and when it began (monotonic s)."""

    name: str
    total: int | None
    unit: str
    began: float
    done: float = 0.0
    note: str = ""

    @property
    def left(self) -> float | None:
        """Seconds until its end at the pace so far; None if nobody knows."""
        if not self.total or not self.done:
            return None
        return max(0.0, (time.monotonic() - self.began) * (self.total - self.done) / self.done)


class Board:
    """A `Progress` that keeps its open tasks, the outermost first. `stop` raises `Stopped` in the work's next step."""

    def __init__(self) -> None:
        self._bars: dict[int, Bar] = {}
        self._last: tuple[Bar, ...] = ()
        self._stopped = threading.Event()
        self._lock = threading.Lock()

    def bars(self) -> tuple[Bar, ...]:
        """The open tasks; of work that was stopped those that were open then."""
        with self._lock:
            return self._last if self._stopped.is_set() else tuple(self._bars.values())

    def stop(self) -> None:
        """Ask the work to stop."""
        with self._lock:
            if not self._stopped.is_set():
                self._last = tuple(self._bars.values())
                self._stopped.set()

    @property
    def stopping(self) -> bool:
        """Whether the work was asked to stop."""
        return self._stopped.is_set()

    def check(self) -> None:
        """Raises Stopped if the work is to stop."""
        if self._stopped.is_set():
            raise Stopped

    @contextmanager
    def task(self, name: str, total: int | None = None, unit: str = "it") -> Iterator[Advance]:
        """Open a task. Raises Stopped, as every step does, if the work is to stop."""
        self.check()
        bar = Bar(name, total, unit, time.monotonic())
        key = id(bar)

        def advance(steps: float = 1, note: str = "") -> None:
            with self._lock:
                old = self._bars[key]
                self._bars[key] = replace(old, done=old.done + steps, note=note or old.note)
            self.check()

        with self._lock:
            self._bars[key] = bar
        try:
            yield advance
        finally:
            with self._lock:
                del self._bars[key]
