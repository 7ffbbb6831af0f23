"""Replacement at growing numbers of edits, edits in rounds, and patches on top of each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from overpaint.bench.probes import Probe
from overpaint.bench.results import Row
from overpaint.bench.suites.emoji import asked
from overpaint.bench.suites.emoji.asked import FREE_FORM
from overpaint.bench.suites.emoji.rows import replaced
from overpaint.bench.suites.emoji.world import World
from overpaint.bench.suites.suite import Findings, Part, Spec
from overpaint.errors import OverpaintError
from overpaint.plan import Edit, Plan

__all__ = ["composition", "replacement", "sequential"]

FIRST, LAST = "first round", "last round"
ONE, OTHER = "first patch", "second patch"
SEEDS = "replacement"
"""Of all plans: a larger one knows what was learned for a smaller one, and the seconds of its fit are those of what is
new."""


def replacement(world: World) -> Iterator[Spec]:
    """Concepts become others, at every size of the suite; one edit alone is tried on several concepts."""
    for count in world.size.replacements:
        name = f"{world.method}/replacement/{count}"
        wanted = world.size.singles if count == 1 else count
        try:
            edits = world.choose(wanted).plan().edits
        except OverpaintError as error:
            yield Spec(name, "replacement", count, (), lambda _: (), world.method, skip=str(error))
            continue
        batches = [(edit,) for edit in edits] if count == 1 else [edits]
        parts = tuple(_part(world, batch, single=count == 1) for batch in batches)
        settings = {"edits drawn": sum(len(world.drawn(batch)) for batch in batches)}
        yield Spec(name, "replacement", count, parts, partial(replaced, edits=count), world.method, settings=settings)


def sequential(world: World) -> Iterator[Spec]:
    """Rounds of edits, each made on the model that the rounds before left: does the last undo the first?

    For comparison the same edits in one plan.
    """
    rounds, each = world.size.rounds, world.size.per_round
    edits = world.choose(rounds * each).plan().edits
    batches = [edits[start : start + each] for start in range(0, len(edits), each)]
    plans = tuple(world.plan(batch, SEEDS) for batch in batches)
    for number in dict.fromkeys((1, (rounds + 1) // 2, rounds)):
        probes = _named(world, batches[0], FIRST) + (_named(world, batches[number - 1], LAST) if number > 1 else [])
        groups = (FIRST, LAST) if number > 1 else (FIRST,)
        yield _grouped(world, f"sequential/round {number}", "sequential", plans[:number], probes, groups, number * each)
    probes = _named(world, batches[0], FIRST) + _named(world, batches[-1], LAST)
    plan = world.plan(edits, SEEDS)
    yield _grouped(world, "sequential/at once", "all at once", (plan,), probes, (FIRST, LAST), len(edits))


def composition(world: World) -> Iterator[Spec]:
    """Two patches made apart: each alone, both on the model, and one plan of all edits."""
    edits = world.choose(2 * world.size.composed).plan().edits
    halves = {ONE: edits[: world.size.composed], OTHER: edits[world.size.composed :]}
    plans = {group: world.plan(batch, SEEDS) for group, batch in halves.items()}
    both = [probe for group, batch in halves.items() for probe in _named(world, batch, group)]
    for group, batch in halves.items():
        yield _grouped(
            world, f"composition/{group} alone", "composition", (plans[group],), _named(world, batch, group),
            (group,), len(batch),
        )  # fmt: skip
    yield _grouped(
        world, "composition/both patches", "composition", tuple(plans.values()), both, (ONE, OTHER), len(edits),
        together=True,
    )  # fmt: skip
    plan = world.plan(edits, SEEDS)
    yield _grouped(world, "composition/one plan", "composition", (plan,), both, (ONE, OTHER), len(edits))


def _part(world: World, edits: Sequence[Edit], *, single: bool) -> Part:
    drawn = world.drawn(edits)
    probes = [
        *asked.sources(world, drawn),
        *asked.sources(world, drawn, FREE_FORM),
        *asked.aliases(world, drawn),
        *asked.kept(world, drawn),
        *asked.neighbours(world, drawn, edits),
        *asked.holdouts(world, world.size.single_holdouts if single else None),
    ]
    before = (*asked.ceilings(world, drawn), *asked.ceilings(world, drawn, FREE_FORM))
    return Part((world.plan(edits, SEEDS),), tuple(probes), before)


def _named(world: World, edits: Sequence[Edit], group: str) -> list[Probe]:
    return asked.sources(world, world.drawn(edits), group)


def _grouped(
    world: World,
    name: str,
    task: str,
    plans: Sequence[Plan],
    probes: Sequence[Probe],
    groups: tuple[str, ...],
    edits: int,
    together: bool = False,
) -> Spec:
    """A case whose edits are asked for in groups, with the ceiling of each."""
    units = {probe.unit for probe in probes}
    before = [
        probe
        for group in groups
        for plan in plans
        for probe in asked.ceilings(world, [edit for edit in plan.edits if edit.key in units], group)
        if any(p.group == group and p.unit == probe.unit for p in probes)
    ]
    part = Part(tuple(plans), (*probes, *asked.holdouts(world)), tuple(before), together)

    def rows(found: Findings) -> Iterator[Row]:
        return replaced(found, edits, groups)

    return Spec(f"{world.method}/{name}", task, edits, (part,), rows, world.method)
