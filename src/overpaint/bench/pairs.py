"""Which concepts an edit benchmark edits into which, and which it holds out; the same ones for the same seed.

Drawn among the concepts that the unedited model knows, since forgetting what was never known proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from overpaint.emoji.vocabulary import Vocabulary
from overpaint.errors import OverpaintError
from overpaint.plan import Edit, Plan
from overpaint.seeding import derive

__all__ = ["Selection", "choose"]


@dataclass(frozen=True)
class Selection:
    """Pairs (source, destination) and hold-outs, all different names; ``near``: destinations share the subgroup."""

    pairs: tuple[tuple[str, str], ...]
    holdouts: tuple[str, ...]
    near: bool = False

    def plan(self, **fields: object) -> Plan:
        """A plan that replaces every source by its destination; ``fields`` are those of `Plan`."""
        edits = [Edit(action="replace", source=source, destination=destination) for source, destination in self.pairs]
        return Plan.model_validate({"edits": tuple(edits), **fields})


def choose(
    vocabulary: Vocabulary,
    names: Sequence[str],
    edits: int,
    holdouts: int = 300,
    seed: int = 0,
    near: bool = False,
) -> Selection:
    """Draw ``edits`` pairs and ``holdouts`` hold-outs among ``names``.

    A destination is any other concept outside its source's subgroup (an arbitrary replacement, as in the published
    benchmark), or with ``near`` one of the same subgroup (a confusable one). The hold-outs are the same for every
    number of edits, and fewer edits are a part of more. Destinations are different ones while there are enough.

    Raises:
        OverpaintError: there are not enough names.
    """
    order = sorted(names, key=lambda name: derive(seed, "selection", name))
    held, rest = order[:holdouts], order[holdouts:]
    sources, pool = rest[:edits], rest[edits:][::-1]  # from the two ends, so that a larger number keeps the pairs
    if len(held) < holdouts or len(sources) < edits or not pool:
        raise OverpaintError(
            f"{edits} edits with {holdouts} hold-outs need more than the {len(names)} concepts that the model knows;"
            " ask for fewer"
        )
    subgroup = {concept.name: concept.subgroup for concept in vocabulary.concepts}
    unused = list(pool)
    pairs = []
    for source in sources:
        fits = _first(unused, subgroup, source, near)
        if fits is None:
            fits = _first(_turned(pool, seed, source), subgroup, source, near)
        if fits is None and near:
            continue  # a concept without a known neighbour that is free
        if fits is None:
            raise OverpaintError(f"no destination outside the subgroup of {source!r} is left; ask for fewer edits")
        if fits in unused:
            unused.remove(fits)
        pairs.append((source, fits))
    return Selection(tuple(pairs), tuple(held), near)


def _first(pool: Sequence[str], subgroup: Mapping[str, str], source: str, near: bool) -> str | None:
    return next((name for name in pool if (subgroup[name] == subgroup[source]) is near), None)


def _turned(pool: Sequence[str], seed: int, source: str) -> Sequence[str]:
    """The pool from a place of the source's own, so that repeated destinations spread."""
    start = derive(seed, "again", source) % len(pool)
    return [*pool[start:], *pool[:start]]
