"""How long work reports how far it is, without knowing whether anybody looks.

Library code takes ``progress: Progress`` and calls ``with progress.task("Stage I", total=100) as advance: advance()``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

__all__ = ["Advance", "Inside", "Progress", "RichProgress", "Silent"]

Advance = Callable[..., None]
"""``advance(steps=1, note="")``: so many steps are done; ``note`` (a loss, a name) replaces the note beside the bar."""


@runtime_checkable
class Progress(Protocol):
    """What work reports to."""

    def task(self, name: str, total: int | None = None, unit: str = "it") -> AbstractContextManager[Advance]:
        """Open a task of ``total`` steps (None: unknown); leaving closes it, by an exception too. Tasks may nest."""
        ...


class Silent:
    """Reports to nobody."""

    @contextmanager
    def task(self, name: str, total: int | None = None, unit: str = "it") -> Iterator[Advance]:
        """Open a task that nobody sees."""
        yield _ignore


class Inside:
    """Reports to a task that is open already: what is done in parts, it shows as one."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance

    @contextmanager
    def task(self, name: str, total: int | None = None, unit: str = "it") -> Iterator[Advance]:
        """Go on with the open task."""
        yield self._advance


class RichProgress:
    """Bars on a terminal with rate and time left; on a pipe or in a log only the last state of each bar is written.

    The display starts with the first task and stops when the last one closes, so other output can come between.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console
        self._bars: Bars | None = None
        self._open = 0
        self._lock = threading.Lock()

    @contextmanager
    def task(self, name: str, total: int | None = None, unit: str = "it") -> Iterator[Advance]:
        """Open a task with a bar of its own; of nothing to do there is none."""
        if total == 0:
            yield _ignore
            return
        from rich.markup import escape  # concept names may look like markup

        with self._lock:
            if self._bars is None:
                self._bars = _bars(self._console)
                self._bars.start()
            bars = self._bars
            self._open += 1
        task = bars.add_task(escape(name), total=total, unit=unit, note="")

        def advance(steps: float = 1, note: str = "") -> None:
            fields: dict[str, Any] = {"note": escape(note)} if note else {}
            bars.update(task, advance=steps, **fields)

        try:
            yield advance
        finally:
            bars.stop_task(task)
            with self._lock:
                self._open -= 1
                if not self._open:
                    bars.stop()
                    self._bars = None


def _ignore(steps: float = 1, note: str = "") -> None:
    pass


def _bars(console: Console | None) -> Bars:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            if not speed:
                return Text("")
            unit = task.fields["unit"]
            return Text(f"{speed:.1f} {unit}/s" if speed >= 1 else f"{1 / speed:.1f} s/{unit}", style="dim")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[note]}"),
        console=console,
    )
