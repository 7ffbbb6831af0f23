"""Every method at growing numbers of edits, for one table: replacements, or erasures by those that only erase.

Less is drawn than by the suite's replacements, so that all methods together take an hour: the pairs and hold-outs are
the suite's own, sampled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from overpaint.bench.suites.emoji import asked
from overpaint.bench.suites.emoji.asked import FREE_FORM, TEMPLATES
from overpaint.bench.suites.emoji.rows import forgotten, replaced
from overpaint.bench.suites.emoji.world import World
from overpaint.bench.suites.suite import Part, Spec
from overpaint.errors import OverpaintError
from overpaint.methods import METHODS
from overpaint.plan import Edit

__all__ = ["at_sizes", "skipped"]


def at_sizes(world: World, holdouts: int, erase: bool = False) -> Iterator[Spec]:
    """Cases of the world's method at each of its sizes; single edits are each by themselves.

    Edits are drawn in templates and sentences, ``world.size.drawn`` of each plan. Of the hold-outs the first
    ``holdouts`` are drawn, after single edits ``world.size.single_holdouts``. ``erase``: erasures, whatever the method
    can do.
    """
    task = "replacement" if "replace" in METHODS[world.method].actions and not erase else "erasure"
    for count in world.size.replacements:
        single = count == 1
        name = f"{world.method}/{task}/{count}"
        try:
            edits = world.choose(world.size.singles if single else count).plan().edits
        except OverpaintError as error:
            yield Spec(name, task, count, (), lambda _: (), world.method, skip=str(error))
            continue
        if task == "erasure":
            edits = tuple(Edit(action="erase", source=edit.source) for edit in edits)
        held = world.size.single_holdouts if single else holdouts
        batches = [(edit,) for edit in edits] if single else [edits]
        parts = tuple(_part(world, batch, f"{task} {count}", held) for batch in batches)
        rows = partial(replaced, edits=count)
        if task == "erasure":
            rows = partial(forgotten, groups=(TEMPLATES, FREE_FORM), edits=count)
        settings = {"edits drawn": sum(len(world.drawn(batch)) for batch in batches), "hold-outs drawn": held}
        yield Spec(name, task, count, parts, rows, world.method, settings=settings)


def skipped(spec: Spec, reason: str) -> Spec:
    """The case as one that is not judged."""
    return replace(spec, parts=(), skip=reason)


def _part(world: World, edits: Sequence[Edit], name: str, holdouts: int) -> Part:
    drawn = world.drawn(edits)
    probes = [*asked.sources(world, drawn), *asked.sources(world, drawn, FREE_FORM), *asked.holdouts(world, holdouts)]
    replacing = [edit for edit in drawn if edit.destinations]
    before = [*asked.ceilings(world, replacing), *asked.ceilings(world, replacing, FREE_FORM)]
    return Part((world.plan(edits, name),), tuple(probes), tuple(before))
