"""RoAD (ReFACT, arXiv 2306.00738): roles and appearances ("the US president" is somebody else now), 90 rows.

Columns Prompt, Oracle, Old, New, Positive1..5 with _old and _new, Negative1..5 with _new.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from overpaint.bench.suites.facts import SEEDS, Fact, facts_suite
from overpaint.bench.suites.protocol import Asked
from overpaint.bench.suites.suite import Judges, Suite
from overpaint.bench.suites.tables import read_csv

__all__ = ["read_facts", "road_suite"]

NUMBERS = range(1, 6)
COLUMNS = (
    "Prompt",
    "Oracle",
    "Old",
    "New",
    *(f"Positive{n}{end}" for n in NUMBERS for end in ("", "_old", "_new")),
    *(f"Negative{n}{end}" for n in NUMBERS for end in ("", "_new")),
)


def read_facts(path: Path, limit: int | None = None) -> list[Fact]:
    """The rows. Raises OverpaintError if the file is not the authors'."""
    return [
        Fact(
            source=row["Prompt"],
            destination=row["New"],
            old=row["Old"],
            new=row["New"],
            oracle=row["Oracle"],
            positives=tuple((row[f"Positive{n}"], row[f"Positive{n}_old"], row[f"Positive{n}_new"]) for n in NUMBERS),
            negatives=tuple((row[f"Negative{n}"], row[f"Negative{n}"], row[f"Negative{n}_new"]) for n in NUMBERS),
        )
        for row in read_csv(path, COLUMNS)[:limit]
    ]


def road_suite(asked: Asked, judges: Judges, seeds: Sequence[int] = SEEDS) -> Suite:
    """The suite of a RoAD file. Raises OverpaintError if it is not the authors'."""
    return facts_suite("road", "RoAD: roles and appearances", read_facts(asked.data, asked.limit), asked, judges, seeds)
