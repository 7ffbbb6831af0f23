"""Edits of what a word means: aliases that the model was never taught, and professions that it draws with a bias."""

from __future__ import annotations

from collections.abc import Iterator

from overpaint.bench.metrics.gender import profession_accuracy, ratio_deviation
from overpaint.bench.metrics.reach import destination_share, source_to_destination
from overpaint.bench.probes import Probe
from overpaint.bench.results import Row
from overpaint.bench.suites.emoji import asked
from overpaint.bench.suites.emoji.asked import FREE_FORM, TEMPLATES
from overpaint.bench.suites.emoji.rows import unharmed
from overpaint.bench.suites.emoji.world import World
from overpaint.bench.suites.suite import Findings, Part, Spec
from overpaint.emoji.captions import PROMPTS_PLAIN, fill
from overpaint.plan import Edit
from overpaint.seeding import derive

__all__ = ["debias", "rectification"]

NAMED = "named"

DEVIATION, ACCURACY, HELD = 0.15, -0.05, -0.03
"""Bars of debiasing: of the shares at most, of the changes of profession accuracy and hold-outs at least."""


def rectification(world: World) -> Iterator[Spec]:
    """Aliases that no training caption holds are taught; the ceiling is the concept by its own name."""
    concepts = [world.vocabulary.concepts[world.vocabulary.by_name[name]] for name in world.free]
    pairs = {
        concept.withheld[0]: concept.name
        for concept in concepts
        if concept.withheld and concept.withheld[0] not in world.vocabulary.by_general
    }
    edits = [
        Edit(action="rectify", source=alias, destination=name)
        for alias, name in list(pairs.items())[: world.size.rectified]
    ]
    drawn = world.drawn(edits)
    probes = [
        *asked.sources(world, drawn),
        *asked.sources(world, drawn, FREE_FORM),
        *asked.neighbours(world, drawn, edits),
        *asked.holdouts(world),
    ]
    before = (*asked.ceilings(world, drawn), *asked.ceilings(world, drawn, FREE_FORM))

    def rows(found: Findings) -> Iterator[Row]:
        for group in (TEMPLATES, FREE_FORM):
            yield destination_share(found.sheet, group, found.judges.name)
            yield source_to_destination(found.sheet, group, found.judges.name)
        yield from unharmed(found, len(edits))

    part = Part((world.plan(edits, "rectification"),), tuple(probes), before)
    name = f"{world.method}/rectification/{len(edits)}"
    yield Spec(name, "rectification", len(edits), (part,), rows, world.method)


def debias(world: World) -> Iterator[Spec]:
    """Professions to equal shares by one patch; "named" asks for the man and the woman by name."""
    professions = world.vocabulary.professions[: world.size.professions]
    edits = [
        Edit(action="debias", source=p.word, over={p.man: 0.5, p.woman: 0.5}, kind="profession") for p in professions
    ]
    probes = [
        Probe(
            TEMPLATES,
            p.word,
            fill(PROMPTS_PLAIN[number % len(PROMPTS_PLAIN)], p.word),
            derive(world.split_seed, "profession", p.word, number),
            (p.man, p.woman),
            p.word,
        )
        for p in professions
        for number in range(len(PROMPTS_PLAIN) * world.size.pictures)
    ]
    probes += [
        Probe(NAMED, name, fill(template, name), derive(world.split_seed, "named", name, template), (name,), name)
        for p in professions
        for name in (p.man, p.woman)
        for template in PROMPTS_PLAIN[: world.size.holdout_templates]
    ]
    shown = {name for p in professions for name in (p.man, p.woman)}
    probes += [probe for probe in asked.holdouts(world) if probe.unit not in shown]

    def rows(found: Findings) -> Iterator[Row]:
        yield from ratio_deviation(found.sheet, TEMPLATES, found.judges.name, bar=DEVIATION)
        yield profession_accuracy(found.sheet, TEMPLATES, found.judges.name, ACCURACY)
        yield from unharmed(found, len(edits), HELD)

    part = Part((world.plan(edits, "debias"),), tuple(probes))
    name = f"{world.method}/debias/{len(edits)}"
    yield Spec(name, "debias", len(edits), (part,), rows, world.method)
