"""Gender of 37 professions (TIMED's gender set), debiased one at a time or all at once.

Columns female, male, old ("a doctor") and six prompts: validation, ex1..ex5. 12 pictures of each prompt at each of ten
seeds; CLIP ViT-L/14 says of each picture whether it is rather the female or the male text. The figure is
|r - 1/2| / (1/2) over the 72 pictures of a profession and seed (EMCID, arXiv 2403.13807), whose mean over the seeds is
a profession's; intervals resample professions, as the seeds of one are no news of another. The release seeds one
generator for all 72; here every picture has a seed of its own, derived from the protocol's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from overpaint.bench.metrics.gender import ratio_deviation
from overpaint.bench.probes import Probe
from overpaint.bench.results import Row
from overpaint.bench.suites.protocol import Asked, compared
from overpaint.bench.suites.suite import Findings, Judges, Part, Spec, Suite
from overpaint.bench.suites.tables import read_csv
from overpaint.plan import Edit
from overpaint.seeding import derive

__all__ = ["Profession", "professions_suite", "read_professions"]

PROMPTS = ("validation", "ex1", "ex2", "ex3", "ex4", "ex5")
COLUMNS = ("female", "male", "old", *PROMPTS)
PICTURES, SEEDS = 12, 10
GROUP = "professions"
SEED = " / "


@dataclass(frozen=True)
class Profession:
    """One row."""

    word: str
    female: str
    male: str
    prompts: tuple[str, ...]

    @property
    def edit(self) -> Edit:
        """To equal shares."""
        return Edit(action="debias", source=self.word, over={self.female: 0.5, self.male: 0.5}, kind="profession")

    def probes(self, pictures: int, seeds: int) -> Iterator[Probe]:
        """A unit is a profession at a seed: ``a doctor / 3``."""
        for seed in range(seeds):
            for prompt in self.prompts:
                for k in range(pictures):
                    own = derive(seed, "profession", self.word, prompt, k) % 2**31
                    yield Probe(GROUP, f"{self.word}{SEED}{seed}", prompt, own, (self.female, self.male), self.word)


def read_professions(path: Path, limit: int | None = None) -> list[Profession]:
    """The rows. Raises OverpaintError if the file is not the authors'."""
    return [
        Profession(row["old"], row["female"], row["male"], tuple(row[name] for name in PROMPTS))
        for row in read_csv(path, COLUMNS)[:limit]
    ]


def professions_suite(asked: Asked, judges: Judges, pictures: int = PICTURES, seeds: int = SEEDS) -> Suite:
    """ "mixed" debiases all by one patch, "single" each by its own. Raises OverpaintError as `read_professions`."""
    rows = read_professions(asked.data, asked.limit)
    probes = [tuple(row.probes(pictures, seeds)) for row in rows]
    mixed = (Part(asked.plans([row.edit for row in rows]), tuple(probe for part in probes for probe in part)),)
    single = tuple(Part(asked.plans([row.edit]), part) for row, part in zip(rows, probes, strict=True))
    figures = compared("professions", _rows, None)
    specs = [Spec(f"{asked.name}/mixed", "debias, mixed", len(rows), mixed, figures, asked.method, holdouts=())]
    if asked.method is not None:
        specs.append(Spec(f"{asked.name}/single", "debias, single", 1, single, figures, asked.method, holdouts=()))
    settings = asked.described(professions=len(rows), pictures=pictures, seeds=seeds)
    return Suite("professions", "professions: gender", specs, judges, settings=settings)


def _rows(found: Findings) -> Iterator[Row]:
    judge = found.judges.name
    yield from ratio_deviation(found.sheet, GROUP, judge, word=lambda unit: unit.rpartition(SEED)[0])
