"""TIMED (TIME, arXiv 2303.08084): implicit assumptions ("rose" is "blue rose"), 104 usable rows of 147.

Columns old, new, positive1..5 with gt1..5 (the same with the new assumption said), negative1..5 with gn1..5.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from overpaint.bench.suites.facts import SEEDS, Fact, facts_suite
from overpaint.bench.suites.protocol import Asked
from overpaint.bench.suites.suite import Judges, Suite
from overpaint.bench.suites.tables import read_csv

__all__ = ["read_facts", "timed_suite"]

NUMBERS = range(1, 6)
COLUMNS = ("old", "new", *(f"{kind}{n}" for kind in ("positive", "gt", "negative", "gn") for n in NUMBERS))


def read_facts(path: Path, limit: int | None = None) -> list[Fact]:
    """The rows. Raises OverpaintError if the file is not the authors'."""
    return [
        Fact(
            source=row["old"],
            destination=row["new"],
            old=row["old"],
            new=row["new"],
            oracle=row["new"],
            positives=tuple((row[f"positive{n}"], row[f"positive{n}"], row[f"gt{n}"]) for n in NUMBERS),
            negatives=tuple((row[f"negative{n}"], row[f"negative{n}"], row[f"gn{n}"]) for n in NUMBERS),
        )
        for row in read_csv(path, COLUMNS)[:limit]
    ]


def timed_suite(asked: Asked, judges: Judges, seeds: Sequence[int] = SEEDS) -> Suite:
    """The suite of a TIMED file. Raises OverpaintError if it is not the authors'."""
    return facts_suite(
        "timed", "TIMED: implicit assumptions", read_facts(asked.data, asked.limit), asked, judges, seeds
    )
