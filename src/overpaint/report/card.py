"""What a page shows, as plain data. A report is a comparison of one: everything has one entry per column.

Nothing in here knows where figures and pictures come from, or what they will look like.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from overpaint.bench.results import Case, Judge, Row

__all__ = [
    "EDGES",
    "Block",
    "Card",
    "Chart",
    "Column",
    "Gallery",
    "Level",
    "Line",
    "Picture",
    "Reading",
    "Shot",
    "Source",
    "Strip",
    "Table",
    "Verdict",
    "Words",
]

EDGES = {"probability": (0.0, 1.0), "share": (0.0, 1.0), "ratio": (0.0, 1.0), "relative": (-1.0, 0.0)}
"""The natural range of figures by their unit."""
Level = Literal["broken", "damaged", "holds", "unknown", "skipped", "failed"]


@dataclass(frozen=True)
class Line:
    """One figure in all columns; None where a column does not have it."""

    cells: tuple[Row | None, ...]

    @property
    def row(self) -> Row:
        """What all cells have in common: metric, group, unit, bar, judge."""
        return next(cell for cell in self.cells if cell is not None)

    @property
    def span(self) -> tuple[float, float]:
        """The range that drawings of this line share: the natural one of its unit, and all that it holds."""
        edge = EDGES.get(self.row.unit, (0.0, 0.0))
        figures = [cell.figure for cell in self.cells if cell is not None]
        numbers = [n for f in figures for n in (f.value, f.low, f.high) if n is not None]
        numbers += [cell.bar for cell in self.cells if cell is not None and cell.bar is not None]
        return min(*edge, *numbers), max(*edge, *numbers)


@dataclass(frozen=True)
class Table:
    """The lines of one group of prompts."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Picture:
    """A picture as a data URI, its size in CSS pixels, and whether its own pixels are to be seen."""

    uri: str
    width: int
    height: int
    crisp: bool = False


@dataclass(frozen=True)
class Reading:
    """What a judge saw in a shot: the score called ``label`` before, and after in every column."""

    label: str
    before: float | None
    after: tuple[float | None, ...]


@dataclass(frozen=True)
class Shot:
    """One prompt at one seed: drawn by the unedited model, and in every column.

    ``found``: prompts that an attack put in its place, each with who drew it.
    """

    title: str
    prompt: str
    seed: int
    before: Picture | None
    after: tuple[Picture | None, ...]
    readings: tuple[Reading, ...] = ()
    found: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Gallery:
    """Shots of one group of prompts; ``text`` says which they are, or why there are none."""

    group: str
    title: str
    text: str
    shots: tuple[Shot, ...]

    @property
    def width(self) -> int:
        """Of its widest picture, in CSS pixels."""
        pictures = [picture for shot in self.shots for picture in (shot.before, *shot.after) if picture is not None]
        return max((picture.width for picture in pictures), default=128)


@dataclass(frozen=True)
class Strip:
    """All hold-outs of a column, the worst first: name, probability before and after (None if unknown)."""

    column: str
    units: tuple[tuple[str, float | None, float | None], ...]


@dataclass(frozen=True)
class Verdict:
    """The answer in a word or two, and the sentences that give the reasons."""

    level: Level
    headline: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Words:
    """A plan in words."""

    edits: tuple[str, ...] = ()
    preserved: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """One case under the name that the page gives it."""

    name: str
    case: Case
    verdict: Verdict
    words: Words


@dataclass(frozen=True)
class Block:
    """Cases of the same task and number of edits, side by side."""

    key: str
    title: str
    columns: tuple[Column, ...]
    headlines: tuple[Line, ...] = ()
    tables: tuple[Table, ...] = ()
    galleries: tuple[Gallery, ...] = ()
    strips: tuple[Strip, ...] = ()

    @property
    def several(self) -> bool:
        """Whether there is more than one column."""
        return len(self.columns) > 1

    @property
    def asked(self) -> tuple[tuple[Words, str], ...]:
        """Every different plan, with the names of the columns that carry it out."""
        names: dict[Words, list[str]] = {}
        for column in self.columns:
            names.setdefault(column.words, []).append(column.name)
        return tuple((words, ", ".join(found)) for words, found in names.items())

    @property
    def judge(self) -> str:
        """Who read most of the figures; empty if nobody is named."""
        lines = [line for table in self.tables for line in table.lines]
        names = Counter(cell.judge for line in lines for cell in line.cells if cell is not None and cell.judge)
        return next((name for name, _ in names.most_common(1)), "")


@dataclass(frozen=True)
class Chart:
    """A figure over the number of edits: by column name and colour (0, 1...) the points, in the order of the edits."""

    title: str
    unit: str
    series: tuple[tuple[str, int, tuple[tuple[int, Row], ...]], ...]


@dataclass(frozen=True)
class Source:
    """A result or run that the page was made from."""

    name: str
    facts: tuple[tuple[str, Any], ...]
    settings: tuple[tuple[str, Any], ...]
    judges: tuple[Judge, ...] = ()


@dataclass(frozen=True)
class Card:
    """The whole page.

    Attributes:
        lead: a line under the title.
        absent: what a full evaluation holds and this one does not.
    """

    title: str
    lead: str
    blocks: tuple[Block, ...]
    charts: tuple[Chart, ...] = ()
    sources: tuple[Source, ...] = ()
    absent: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def broken(self) -> tuple[str, ...]:
        """Who is called broken, and where: ``uce (replacement, 100 edits; replacement, 300 edits)``."""
        found: dict[str, list[str]] = {}
        for block in self.blocks:
            for column in block.columns:
                if column.verdict.level == "broken":
                    found.setdefault(column.name, []).append(block.title)
        return tuple(f"{name} ({'; '.join(titles)})" for name, titles in found.items())
