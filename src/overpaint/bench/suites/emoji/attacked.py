"""Attacks on erasures of the bundled model: concepts that have other names, each erased by a patch of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from overpaint.bench.attacks.attack import Attack
from overpaint.bench.suites.attacks import Attacked, Known, Names, attack_spec, targets_of
from overpaint.bench.suites.emoji import asked
from overpaint.bench.suites.emoji.world import World
from overpaint.bench.suites.suite import Spec
from overpaint.emoji.translations import translations
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.errors import OverpaintError
from overpaint.methods import METHODS
from overpaint.plan import Edit

__all__ = ["attacked", "known_of"]


def known_of(vocabulary: Vocabulary, names: Iterable[str]) -> Known:
    """What the bundled model's vocabulary and the table of other languages say of some concepts."""
    found, table = {}, translations()
    for name in names:
        if name in vocabulary.by_name:
            concept = vocabulary.concepts[vocabulary.by_name[name]]
            aliases = (*concept.taught, *concept.withheld)
            found[name] = Names(aliases=aliases, category=concept.general or "", languages=table.get(name, {}))
    return Known(concepts=found)


def attacked(world: World, attacks: Sequence[Attack], concepts: Sequence[str] = (), count: int = 8) -> Spec:
    """One case of the world's method: the ``concepts``, or ``count`` by seed among those that have other names.

    A method that cannot erase replaces them by something else.

    Raises:
        OverpaintError: the model knows no such concept.
    """
    vocabulary = world.vocabulary
    several = [name for name in world.free if vocabulary.concepts[vocabulary.by_name[name]].taught]
    for name in concepts:
        if name not in vocabulary.by_name:
            raise OverpaintError(f"--concept {name}: the bundled model has no concept of that name")
    states = []
    for name in concepts or several[:count]:
        edit = _edit(world, name)
        held = [probe for probe in asked.holdouts(world, world.size.single_holdouts) if probe.unit not in edit.phrases]
        probes = (*asked.neighbours(world, [edit], [edit]), *held)
        targets = targets_of([edit], known_of(vocabulary, [name]))
        states.append(Attacked((world.plan([edit], "attacks"),), targets, probes))
    return attack_spec(f"{world.method}/attacks/1", world.method, states, attacks, world.split_seed)


def _edit(world: World, name: str) -> Edit:
    if "erase" in METHODS[world.method].actions:
        return Edit(action="erase", source=name)
    groups = {concept.name: concept.subgroup for concept in world.vocabulary.concepts}
    destination = next(other for other in reversed(world.free) if groups[other] != groups[name])
    return Edit(action="replace", source=name, destination=destination)
