"""What a suite found: figures beside the bars that they are to reach, and how they were measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from overpaint.bench.scores import Score
from overpaint.files import write_json_atomic

__all__ = ["Line", "Report"]


@dataclass(frozen=True)
class Line:
    """One figure; a ``bar`` of None is reported and not judged."""

    name: str
    score: Score
    bar: float | None = None
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the figure reaches its bar; None without a bar or without a measurement."""
        if self.bar is None or not self.score.count:
            return None
        return self.score.value <= self.bar if self.at_most else self.score.value >= self.bar

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"name": self.name, **self.score.to_data(), "bar": self.bar, "met": self.met}


@dataclass(frozen=True)
class Report:
    """A titled list of figures.

    Attributes:
        title: what was judged.
        lines: the figures.
        settings: everything needed to measure them again (seed, steps, counts...).
        details: figures by concept or edit, for whoever wants to look closer.
    """

    title: str
    lines: tuple[Line, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Score:
        """The figure of that name."""
        return next(line.score for line in self.lines if line.name == name)

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "title": self.title,
            "figures": [line.to_data() for line in self.lines],
            "settings": self.settings,
            "details": self.details,
        }

    def write(self, path: str | Path) -> Path:
        """Write it as JSON."""
        return write_json_atomic(path, self.to_data())
