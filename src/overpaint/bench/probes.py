"""Pictures that are drawn twice, before and after an edit, at the same seeds, and what each of them is graded for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from overpaint.backbone.backbone import Backbone
from overpaint.bench.drawing import Drawing, grade
from overpaint.bench.graders.emoji import ConceptGrader
from overpaint.emoji.captions import fill
from overpaint.plan import Edit
from overpaint.progress import Progress
from overpaint.seeding import derive

__all__ = ["UNKNOWN", "Measured", "Probe", "measure", "of_destination", "of_holdout", "of_source"]

UNKNOWN = ""
"""A label that means nothing to any grader."""

Measured = Mapping[str, Mapping[str, tuple[float, ...]]]
"""By group and unit the mean probability of each label; NaN where the grader does not know the label."""


@dataclass(frozen=True)
class Probe:
    """One picture.

    Attributes:
        group: what kind of question it is; figures are taken by group.
        unit: whom it is about, an edit's key or a hold-out's name: what intervals resample.
        labels: names that the picture is graded for; the same number throughout a unit.
        subject: what the prompt names, for whoever looks at the picture.
    """

    group: str
    unit: str
    prompt: str
    seed: int
    labels: tuple[str, ...]
    subject: str = ""


def of_source(group: str, edit: Edit, templates: Sequence[str], seed: int, repeats: int = 1) -> list[Probe]:
    """What is edited, asked for in every template: is the source still drawn, or what it is to become?

    A name that is rectified means its destination and nothing else, so there is no P(source) to ask for.
    """
    source = UNKNOWN if edit.action == "rectify" else edit.source
    return _asked(group, edit.key, edit.edited[0], (source, *edit.destinations), templates, seed, repeats)


def of_destination(
    group: str, edit: Edit, destination: str, templates: Sequence[str], seed: int, repeats: int = 1
) -> list[Probe]:
    """A destination asked for by its own name, at the seeds of `of_source` in the same ``group``: the ceiling."""
    return _asked(group, edit.key, destination, (destination,), templates, seed, repeats)


def of_holdout(group: str, name: str, templates: Sequence[str], seed: int, repeats: int = 1) -> list[Probe]:
    """A concept that no edit names."""
    return _asked(group, name, name, (name,), templates, seed, repeats)


def measure(
    backbone: Backbone,
    grader: ConceptGrader,
    probes: Sequence[Probe],
    drawing: Drawing,
    progress: Progress | None = None,
    name: str = "drawing",
) -> Measured:
    """Draw the probes and take the mean of every label over the pictures of a unit."""
    prompts, seeds = [probe.prompt for probe in probes], [probe.seed for probe in probes]
    concept = grade(backbone, grader, prompts, seeds, drawing, progress, name).concept
    found: dict[str, dict[str, list[list[float]]]] = {}
    for probe, row in zip(probes, concept, strict=True):
        values = grader.probability(row.expand(len(probe.labels), -1), probe.labels).tolist()
        found.setdefault(probe.group, {}).setdefault(probe.unit, []).append(values)
    return MappingProxyType(
        {group: {unit: tuple(np.mean(rows, axis=0)) for unit, rows in units.items()} for group, units in found.items()}
    )


def _asked(
    group: str, unit: str, name: str, labels: tuple[str, ...], templates: Sequence[str], seed: int, repeats: int
) -> list[Probe]:
    return [
        Probe(group, unit, fill(template, name), derive(seed, "probe", unit, template, repeat), labels, name)
        for template in templates
        for repeat in range(repeats)
    ]
