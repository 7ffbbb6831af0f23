"""The short look that a run on the bundled model ends with: a few pictures per edit and 24 hold-outs, in seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from overpaint.bench.drawing import Drawing
from overpaint.bench.edits import EditSuite
from overpaint.emoji.captions import PROMPTS_PLAIN
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.plan import Plan
from overpaint.seeding import derive

__all__ = ["HOLDOUTS", "short_suite", "some_holdouts"]

HOLDOUTS = 24
EDITS = 24
PICTURES = 12


def short_suite(plan: Plan, steps: int = 20) -> EditSuite:
    """About `PICTURES` pictures for few edits, one per template for many, and at most `EDITS` edits, drawn by seed."""
    templates = max(1, sum(len(edit.prompts) for edit in plan.edits))
    return EditSuite(
        seed=plan.seed,
        free_form=0,
        templates=PROMPTS_PLAIN[:1],
        repeats=max(1, PICTURES // templates),
        edits=EDITS,
        drawing=Drawing(steps=steps),
    )


def some_holdouts(
    vocabulary: Vocabulary, plan: Plan, scores: Mapping[str, float] | None = None, count: int = HOLDOUTS
) -> tuple[str, ...]:
    """Concepts that the plan does not mention, by seed; with ``scores`` only those that the model knows."""
    mentioned = set(_mentioned(vocabulary, plan))
    free = [
        concept.name
        for index, concept in enumerate(vocabulary.concepts)
        if index not in mentioned and (scores is None or scores.get(concept.name, 0.0) >= 0.5)
    ]
    return tuple(sorted(free, key=lambda name: derive(plan.seed, "short hold-out", name))[:count])


def _mentioned(vocabulary: Vocabulary, plan: Plan) -> Iterable[int]:
    phrases = [phrase for edit in plan.edits for phrase in edit.phrases]
    words = {" ".join(phrase.casefold().split()) for phrase in (*phrases, *plan.preserve)}
    for index, concept in enumerate(vocabulary.concepts):
        if not words.isdisjoint((concept.name, *concept.aliases)):
            yield index
    for profession in vocabulary.professions:
        if profession.word in words:
            yield vocabulary.by_name[profession.man]
            yield vocabulary.by_name[profession.woman]
