"""Attacks on the bundled model, whose concepts have names in the vocabulary and in other languages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from overpaint.backbone.backbone import Backbone
from overpaint.bench.attacks.attack import Attack
from overpaint.bench.attacks.known import Known, Names, targets_of
from overpaint.bench.probes import Probe
from overpaint.bench.suites.attacks import Attacked, attack_spec
from overpaint.bench.suites.emoji import asked
from overpaint.bench.suites.emoji.world import World
from overpaint.bench.suites.suite import Spec
from overpaint.emoji.translations import translations
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.errors import OverpaintError, PlanError
from overpaint.methods import METHODS, work_of
from overpaint.plan import Edit, Plan

__all__ = ["attacked", "given_attacked", "known_of"]


def known_of(vocabulary: Vocabulary, names: Iterable[str], said: Known) -> Known:
    """What is ``said`` of concepts, and for the others what the vocabulary and the table of languages know."""
    found, table = {}, translations()
    for name in names:
        if name in vocabulary.by_name:
            concept = vocabulary.concepts[vocabulary.by_name[name]]
            found[name] = Names(
                aliases=concept.aliases, category=concept.general or "", languages=dict(table.get(name, {}))
            )
    return Known(concepts={**found, **said.concepts}, holdouts=said.holdouts)


def attacked(
    world: World,
    backbone: Backbone,
    attacks: Sequence[Attack],
    known: Known,
    concepts: Sequence[str] = (),
    count: int = 8,
) -> Spec:
    """One case of the world's method: the ``concepts``, or ``count`` by seed among those that have other names.

    A method that cannot erase without an anchor is given another concept as one, and one that cannot erase at all
    replaces by it. ``known`` comes before what the vocabulary says.

    Raises:
        OverpaintError: the model knows no such concept.
    """
    vocabulary = world.vocabulary
    for name in concepts:
        if name not in vocabulary.by_name:
            raise OverpaintError(f"--concept {name}: the bundled model has no concept of that name")
    several = [name for name in world.free if vocabulary.concepts[vocabulary.by_name[name]].taught]
    states = []
    for name in concepts or several[:count]:
        edit = _edit(world, backbone, name)
        probes = _kept(world, [edit], [edit], world.size.single_holdouts)
        targets = targets_of([edit], known_of(vocabulary, [name], known))
        states.append(Attacked((world.plan([edit], "attacks"),), targets, probes))
    return attack_spec(f"{world.method}/attacks/1", world.method, states, attacks, world.split_seed)


def given_attacked(world: World, plan: Plan, attacks: Sequence[Attack], known: Known, count: int) -> Spec:
    """One case of the run's patch: the first ``count`` concepts that its plan took away."""
    taken = targets_of(plan.edits, known_of(world.vocabulary, [edit.source for edit in plan.edits], known), count)
    units = {target.unit for target in taken}
    edits = [edit for edit in plan.edits if edit.key in units]
    probes = _kept(world, edits, plan.edits, world.size.holdouts)
    name = f"{plan.method}/run"
    return attack_spec(name, plan.method, [Attacked((), taken, probes)], attacks, world.split_seed, plan)


def _kept(world: World, edits: Sequence[Edit], plan: Sequence[Edit], count: int) -> tuple[Probe, ...]:
    """Neighbours of the edits and hold-outs that the whole plan does not mention."""
    mentioned = {phrase for edit in plan for phrase in edit.phrases}
    held = [probe for probe in asked.holdouts(world, count) if probe.unit not in mentioned]
    return (*asked.neighbours(world, edits, plan), *held)


def _edit(world: World, backbone: Backbone, name: str) -> Edit:
    actions = METHODS[world.method].actions
    plain = Edit(action="erase", source=name)
    if "erase" in actions and _able(world, backbone, plain):
        return plain
    groups = {concept.name: concept.subgroup for concept in world.vocabulary.concepts}
    destination = next(other for other in reversed(world.free) if groups[other] != groups[name])
    return Edit(action="erase" if "erase to" in actions else "replace", source=name, destination=destination)


def _able(world: World, backbone: Backbone, edit: Edit) -> bool:
    """Whether the method takes an edit as it stands."""
    try:
        work_of(backbone, world.plan([edit], "attacks"))
    except PlanError:
        return False
    return True
