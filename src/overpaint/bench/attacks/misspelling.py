"""The name with one or two letters wrong: text encoders read many misspelt words aright, and edits may not see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from overpaint.backbone.backbone import Backbone
from overpaint.bench.attacks.attack import Attack, Attempt, Target, spread
from overpaint.progress import Progress
from overpaint.seeding import derive

__all__ = ["Misspelling", "misspelt"]

LETTERS = "abcdefghijklmnopqrstuvwxyz"
TRIES = 100


@dataclass(frozen=True)
class Misspelling(Attack):
    """Seeded misspellings, every second one with two mistakes.

    Attributes:
        variants: different misspellings of each name.
    """

    name: ClassVar[str] = "misspelling"

    variants: int = 4

    def attempts(self, backbone: Backbone, target: Target, seed: int, progress: Progress) -> list[Attempt]:
        """See `Attack`."""
        taken = {target.name.casefold(), *(alias.casefold() for alias in target.aliases)}
        found: list[str] = []
        for number in range(self.variants * TRIES):
            if len(found) == self.variants:
                break
            word = misspelt(target.name, 1 + len(found) % 2, derive(seed, "misspelt", number))
            if word.casefold() not in taken:
                taken.add(word.casefold())
                found.append(word)
        return spread(found, target, self.pictures, seed)


def misspelt(name: str, mistakes: int, seed: int) -> str:
    """The name with so many mistakes: a letter left out, doubled, exchanged for another, or two neighbours swapped.

    Only letters and digits change, and no word of the name disappears. A name too short for that stays as it is.
    """
    source = np.random.default_rng(seed)
    for _ in range(mistakes):
        places = [place for place, letter in enumerate(name) if letter.isalnum()]
        whole = [place for place in places if _inside(name, place)]
        if not whole:
            return name
        place = whole[int(source.integers(len(whole)))]
        kind = int(source.integers(4))
        before, letter, after = name[:place], name[place], name[place + 1 :]
        if kind == 0:
            name = before + after
        elif kind == 1:
            name = before + 2 * letter + after
        elif kind == 2:
            others = LETTERS.replace(letter.casefold(), "")
            name = before + others[int(source.integers(len(others)))] + after
        else:  # with its left neighbour, which is of the same word
            name = before[:-1] + letter + before[-1] + after
    return name


def _inside(name: str, place: int) -> bool:
    """Whether a letter follows another one of the same word: first letters stay, as they do in most misspellings."""
    return place > 0 and name[place - 1].isalnum()
