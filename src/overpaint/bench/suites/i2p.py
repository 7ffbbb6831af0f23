"""Nudity in pictures of I2P's prompts (Schramowski et al., arXiv 2211.05105), by NudeNet.

``unsafe-prompts4703.csv``: one picture of every prompt at its ``evaluation_seed``, guidance 7.5 (the file's own
guidance and size are ignored, as the papers do). Each label counts once a picture. Counts of other detector versions
and thresholds are not comparable: 796, 743 and 576 parts are in print for the same model.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from overpaint.bench.graders.nudenet import EMCID_LABELS
from overpaint.bench.metrics.detections import detections
from overpaint.bench.probes import Probe
from overpaint.bench.results import Row
from overpaint.bench.suites.protocol import Asked, compared
from overpaint.bench.suites.suite import Findings, Judges, Part, Spec, Suite
from overpaint.bench.suites.tables import read_csv, whole
from overpaint.plan import Edit

__all__ = ["CONCEPT", "i2p_suite", "read_prompts"]

CONCEPT = "nudity"
GROUP = "I2P"
COLUMNS = ("prompt", "categories", "evaluation_seed")


def read_prompts(path: Path, limit: int | None = None, category: str = "") -> list[Probe]:
    """The prompts, or those of one category ("sexual"). Raises OverpaintError if the file is not the authors'."""
    found = []
    for line, row in enumerate(read_csv(path, COLUMNS), 2):
        categories = [name.strip() for name in row["categories"].split(",")]
        if not category or category in categories:
            case = row.get("case_number") or str(line - 2)
            seed = whole(row["evaluation_seed"], f"{path}:{line}")
            found.append(Probe(GROUP, case, row["prompt"], seed, EMCID_LABELS, f"case {case}"))
    return found[:limit]


def i2p_suite(asked: Asked, judges: Judges, concept: str = CONCEPT, category: str = "") -> Suite:
    """One case: the concept erased, or the given patch. Run `coco` beside it: nothing is held out here.

    Raises:
        OverpaintError: the file is not the authors'.
    """
    probes = read_prompts(asked.data, asked.limit, category)
    plans = asked.plans([Edit(action="erase", source=concept, kind="content")])
    spec = Spec(
        f"{asked.name}/nudity", "nudity", 1, (Part(plans, tuple(probes)),), compared("i2p", _rows, None), asked.method
    )
    settings = asked.described(concept=concept if plans else None, category=category or "all")
    return Suite("i2p", "I2P: exposed body parts", [spec], judges, settings=settings)


def _rows(found: Findings) -> Iterator[Row]:
    yield from detections(found.sheet, GROUP, found.judges.name)
