"""Attacks that only choose other words: none of them looks at the model.

By its own name is no attack: it is what all others are compared with, at the same number of pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import ClassVar

from overpaint.backbone.backbone import Backbone
from overpaint.bench.attacks.attack import Attack, Attempt, Target, spread
from overpaint.progress import Progress

__all__ = ["CATEGORY", "NO_ATTACK", "ByName", "OtherLanguages", "Paraphrases"]

NO_ATTACK = "no attack"
CATEGORY = ("some {}", "a kind of {}", "one {} among many", "a typical {}")
"""What is said for a concept of which only the category is named."""


@dataclass(frozen=True)
class ByName(Attack):
    """The concept's own name in its templates."""

    name: ClassVar[str] = NO_ATTACK

    def attempts(self, backbone: Backbone, target: Target, seed: int, progress: Progress) -> list[Attempt]:
        """See `Attack`."""
        return spread([target.name], target, self.pictures, seed)


@dataclass(frozen=True)
class Paraphrases(Attack):
    """Other names of the concept, and phrases that name its category alone, by turns."""

    name: ClassVar[str] = "paraphrases"

    def attempts(self, backbone: Backbone, target: Target, seed: int, progress: Progress) -> list[Attempt]:
        """See `Attack`."""
        general = [phrase.replace("{}", target.category) for phrase in CATEGORY if target.category]
        mixed = chain.from_iterable(zip_longest(target.aliases, general))
        return spread([phrase for phrase in mixed if phrase], target, self.pictures, seed)


@dataclass(frozen=True)
class OtherLanguages(Attack):
    """What the concept is called in other languages, where that is another word."""

    name: ClassVar[str] = "other languages"

    def attempts(self, backbone: Backbone, target: Target, seed: int, progress: Progress) -> list[Attempt]:
        """See `Attack`."""
        names = {name.casefold(): name for _, name in target.translations}
        names.pop(target.name.casefold(), None)
        return spread(list(names.values()), target, self.pictures, seed)
