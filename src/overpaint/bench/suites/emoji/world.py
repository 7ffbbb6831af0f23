"""What all tasks of the emoji suite share: how much is asked, of whom, and which half of it methods may be tuned on.

Validation and test differ in their pairs, hold-outs, sentences and seeds, all drawn by the split's name; they share the
vocabulary, as a method meets the same words wherever it is used. Methods may be tuned on validation only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from overpaint.bench.metrics.neighbours import Neighbourhood
from overpaint.bench.pairs import Selection, choose
from overpaint.bench.prompts import some_templates
from overpaint.emoji.captions import FREE_FORM_TEST
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.errors import OverpaintError
from overpaint.plan import Edit, Plan
from overpaint.seeding import derive

__all__ = ["FULL", "QUICK", "SPLITS", "Size", "World"]

SPLITS = ("validation", "test")


@dataclass(frozen=True)
class Size:
    """How much is asked.

    Attributes:
        replacements: numbers of edits.
        singles: how many edits are tried each by itself where the number of edits is 1, and concepts erased singly.
        together: concepts erased by one patch.
        drawn: so many of a plan's edits are drawn, by seed.
        free_form: sentences per edit.
        aliases: at most so many taught aliases per edit.
        category: pictures of its category's word per erased concept.
        neighbours: nearest concepts per edit.
        holdouts, holdout_templates: concepts that no edit mentions, and prompts of each; single_holdouts of them for
            edits that are tried each by itself.
        rectified: never-taught aliases.
        styles, styled: styles erased, and concepts drawn in each.
        professions: debiased, all by default; pictures: of every one in every plain prompt.
        categories: moderated.
        rounds, per_round: sequential editing.
        composed: edits of each of two patches.
    """

    replacements: tuple[int, ...] = (1, 10, 50, 100, 300, 1000)
    singles: int = 8
    together: int = 10
    drawn: int = 48
    free_form: int = 5
    aliases: int = 2
    category: int = 4
    neighbours: int = 1
    holdouts: int = 300
    holdout_templates: int = 1
    single_holdouts: int = 40
    rectified: int = 60
    styles: int = 2
    styled: int = 40
    professions: int | None = None
    pictures: int = 8
    categories: int = 3
    rounds: int = 10
    per_round: int = 30
    composed: int = 50


FULL = Size()
QUICK = Size(
    replacements=(10,),
    singles=1,
    together=2,
    drawn=6,
    free_form=1,
    aliases=1,
    category=1,
    holdouts=16,
    holdout_templates=1,
    single_holdouts=8,
    rectified=6,
    styles=1,
    styled=8,
    professions=1,
    pictures=2,
    categories=1,
    rounds=2,
    per_round=2,
    composed=3,
)
"""A look in minutes; its intervals are wide."""


@dataclass(frozen=True)
class World:
    """A method on the bundled world.

    Attributes:
        names: concepts that the unedited model knows: forgetting what was never known proves nothing.
        text: the unedited text encoder, which finds neighbours; None finds none.
        near: whether concepts are replaced by others of their own subgroup, or by any outside it.
        other_words: whether plans ask for other words, to be found and edited, too.
    """

    vocabulary: Vocabulary
    names: tuple[str, ...]
    method: str
    model: str = "emoji"
    settings: dict[str, Any] = field(default_factory=dict)
    split: str = "test"
    seed: int = 0
    size: Size = FULL
    text: Any = None
    near: bool = False
    other_words: bool = False

    def __post_init__(self) -> None:
        """Raises OverpaintError for an unknown split."""
        if self.split not in SPLITS:
            raise OverpaintError(f"split {self.split}: there are {' and '.join(SPLITS)}")

    @cached_property
    def neighbourhood(self) -> Neighbourhood:
        """All known names, by nearness in the unedited text encoder."""
        return Neighbourhood(self.text, self.names)

    @cached_property
    def split_seed(self) -> int:
        """What everything of the split derives from."""
        return derive(self.seed, "split", self.split)

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """The split's half of the sentences that neither the model nor a method has seen."""
        order = sorted(FREE_FORM_TEST, key=lambda template: derive(self.seed, "sentences", template))
        half = len(order) // 2
        return tuple(order[:half] if self.split == "validation" else order[half:])

    @cached_property
    def holdouts(self) -> tuple[str, ...]:
        """The same for all tasks."""
        return choose(self.vocabulary, self.names, 1, self.size.holdouts, self.split_seed).holdouts

    @cached_property
    def free(self) -> tuple[str, ...]:
        """Known concepts that are no hold-outs, in the split's order."""
        held = set(self.holdouts)
        order = sorted(self.names, key=lambda name: derive(self.split_seed, "free", name))
        return tuple(name for name in order if name not in held)

    def choose(self, edits: int) -> Selection:
        """Pairs of so many edits. Raises OverpaintError if the model does not know enough concepts."""
        return choose(self.vocabulary, self.names, edits, self.size.holdouts, self.split_seed, self.near)

    def plan(self, edits: Iterable[Edit], name: str = "") -> Plan:
        """A plan of this method."""
        return Plan(
            model=self.model,
            method=self.method,
            settings=self.settings,
            edits=tuple(edits),
            seed=derive(self.split_seed, "plan", name),
            other_words=self.other_words,
        )

    def drawn(self, edits: Sequence[Edit]) -> tuple[Edit, ...]:
        """Those of a plan's edits that are drawn."""
        order = sorted(edits, key=lambda edit: derive(self.split_seed, "drawn", edit.key))
        return tuple(order[: self.size.drawn])

    def free_form(self, name: str) -> tuple[str, ...]:
        """Sentences for a concept."""
        return some_templates(self.sentences, self.size.free_form, self.split_seed, name)
