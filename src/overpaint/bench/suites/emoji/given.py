"""A run that was made already: its own plan's edits, and hold-outs that the plan does not mention."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from overpaint.bench.results import Row
from overpaint.bench.suites.emoji import asked
from overpaint.bench.suites.emoji.asked import ALIASES, FREE_FORM, TEMPLATES
from overpaint.bench.suites.emoji.rows import forgotten, replaced
from overpaint.bench.suites.emoji.world import World
from overpaint.bench.suites.suite import Findings, Judges, Part, Spec, Suite
from overpaint.plan import Plan

__all__ = ["given_suite"]


def given_suite(world: World, plan: Plan, judges: Judges) -> Suite:
    """One case without plans of its own: the bench is given the run's patch."""
    mentioned = {*plan.preserve, *(phrase for edit in plan.edits for phrase in edit.phrases)}
    names = tuple(name for name in world.names if name not in mentioned)
    held = min(world.size.holdouts, max(0, len(names) - 2))
    world = replace(world, names=names, size=replace(world.size, holdouts=held))
    edits = world.drawn(plan.edits)
    one = [edit for edit in edits if len(edit.destinations) == 1]
    probes = [
        *asked.sources(world, edits),
        *asked.sources(world, edits, FREE_FORM),
        *asked.aliases(world, edits),
        *asked.kept(world, edits),
        *asked.neighbours(world, edits, plan.edits),
        *asked.holdouts(world),
    ]
    before = (*asked.ceilings(world, one), *asked.ceilings(world, one, FREE_FORM))

    def rows(found: Findings) -> Iterator[Row]:
        if one:
            yield from replaced(found, len(plan.edits))
        else:
            yield from forgotten(found, (TEMPLATES, FREE_FORM, ALIASES), len(plan.edits))

    spec = Spec(
        f"{plan.method}/run", "run", len(plan.edits), (Part((), tuple(probes), before),), rows, plan.method,
        settings={"plan": plan.to_data(), "edits drawn": len(edits)},
    )  # fmt: skip
    return Suite("emoji", "emoji: a run", [spec], judges, world.split, {"seed": world.seed})
