"""Which concepts an edit benchmark edits into which, and which it holds out; the same ones for the same seed.

Drawn among the concepts that the unedited model knows, since forgetting what was never known proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from overpaint.emoji.assets import SCORES_FILE
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.errors import OverpaintError
from overpaint.json_reading import from_json
from overpaint.plan import Edit, Plan
from overpaint.seeding import derive

__all__ = ["SCORES_FILE", "Selection", "choose", "known", "read_scores"]


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


def read_scores(path: str | Path = SCORES_FILE) -> dict[str, float]:
    """The mean P(true) by concept in a scores file.

    Raises:
        OverpaintError: it is missing or is not such a file.
    """
    try:
        scores = from_json(Path(path).read_text(encoding="utf-8"))["concepts"]
        return {str(name): float(value) for name, value in scores.items()}
    except FileNotFoundError as error:
        raise OverpaintError(f"{path}: no scores; write them with overpaint bench model --write-scores") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise OverpaintError(f"{path}: no scores file; write one with overpaint bench model --write-scores") from error


def known(vocabulary: Vocabulary, scores: Mapping[str, float], least: float = 0.5) -> tuple[str, ...]:
    """The concepts with a mean P(true) of at least ``least``, in class order."""
    return tuple(concept.name for concept in vocabulary.concepts if scores.get(concept.name, 0.0) >= least)


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
