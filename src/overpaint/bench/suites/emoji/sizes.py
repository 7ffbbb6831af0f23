"""Every method at growing numbers of edits, for one table: replacements, or erasures by those that only erase."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from overpaint.bench.suites.emoji import asked
from overpaint.bench.suites.emoji.asked import FREE_FORM, TEMPLATES
from overpaint.bench.suites.emoji.replacing import replacement
from overpaint.bench.suites.emoji.rows import forgotten
from overpaint.bench.suites.emoji.world import World
from overpaint.bench.suites.suite import Part, Spec
from overpaint.methods import METHODS
from overpaint.plan import Edit

__all__ = ["at_sizes", "skipped"]


def at_sizes(world: World) -> Iterator[Spec]:
    """The replacements of the world's size, or erasures of the same sources; single edits are each by themselves."""
    if "replace" in METHODS[world.method].actions:
        yield from replacement(world)
        return
    for count in world.size.replacements:
        pairs = world.choose(world.size.singles if count == 1 else count).pairs
        edits = [Edit(action="erase", source=source) for source, _ in pairs]
        batches = [[edit] for edit in edits] if count == 1 else [edits]
        parts = []
        for batch in batches:
            drawn = world.drawn(batch)
            held = world.size.single_holdouts if count == 1 else None
            probes = [*asked.sources(world, drawn), *asked.sources(world, drawn, FREE_FORM)]
            probes += asked.holdouts(world, held)
            parts.append(Part((world.plan(batch, f"erasure {count}"),), tuple(probes)))
        rows = partial(forgotten, groups=(TEMPLATES, FREE_FORM), edits=count)
        name = f"{world.method}/erasure/{count}"
        yield Spec(name, "erasure", count, tuple(parts), rows, world.method)


def skipped(spec: Spec, reason: str) -> Spec:
    """The case as one that is not judged."""
    return replace(spec, parts=(), skip=reason)
