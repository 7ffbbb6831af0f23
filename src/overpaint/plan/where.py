"""Where something stands in a plan, and the list of what is wrong there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from overpaint.errors import PlanError

__all__ = ["Problems", "Where"]


@dataclass(frozen=True)
class Where:
    """A line of a file, ``plan.yaml:12``; or, for data given from Python, the path to it, ``edits[3].with``."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        """As editors and compilers write it."""
        return self.file if self.line is None else f"{self.file}:{self.line}"


class Problems:
    """Collects mistakes, so that a person sees all of them at once."""

    def __init__(self) -> None:
        self._found: list[tuple[Where, str]] = []

    def add(self, where: Where, text: str) -> None:
        """Note that ``text`` ("what; how to mend it") is wrong at ``where``."""
        self._found.append((where, " ".join(text.splitlines())))

    @contextmanager
    def at(self, where: Where) -> Iterator[None]:
        """Whatever `PlanError` says inside is wrong at ``where``; the work goes on after the block."""
        try:
            yield
        except PlanError as error:
            for problem in error.problems:
                self.add(where, problem)

    def extend(self, more: Problems) -> None:
        """Take over what another collector found."""
        self._found += more._found

    def __bool__(self) -> bool:
        """Whether anything is wrong."""
        return bool(self._found)

    def error(self) -> PlanError:
        """All of them, each once, in the order of the lines."""
        ordered = sorted(self._found, key=lambda one: (one[0].file if one[0].line else "", one[0].line or 0))
        return PlanError(*dict.fromkeys(f"{where}: {text}" for where, text in ordered))
