"""Things in one style beside the same things in another, for methods that learn what a style is: without a concept.

No suite asks for these things: they are words for kinds of things, and concepts that the model draws too badly.
"""

from __future__ import annotations

from overpaint.emoji.captions import PROMPTS_PLAIN, fill
from overpaint.emoji.scores import SCORES_FILE, known, read_scores
from overpaint.emoji.vocabulary import Vocabulary

__all__ = ["styled_pairs", "unasked"]

WORDINGS: tuple[str, ...] = ("{} in STYLE style", "{} in the STYLE style", "{}, STYLE style", "{} drawn in STYLE style")
"""How a style is said of something."""

CLEAREST: tuple[str, ...] = ("twemoji", "flat")
"""The styles that the model draws most surely when they are named, the surest first."""


def styled_pairs(vocabulary: Vocabulary | None = None) -> dict[str, tuple[str, ...]]:
    """Prompts with a ``{}`` for a style, each with the same prompt in other styles: the first is to be preferred.

    ``{"an image of a fruit in {} style": ("an image of a fruit in twemoji style", ...), ...}``. A style turns into one
    other in all of them: from a mixture a model learns what lies between its parts, and that is near to every style.
    """
    pairs: dict[str, tuple[str, ...]] = {}
    for n, word in enumerate(unasked(vocabulary or Vocabulary.load())):
        thing = fill(PROMPTS_PLAIN[n % len(PROMPTS_PLAIN)], word)
        for wording in (WORDINGS[0], WORDINGS[1 + n // len(PROMPTS_PLAIN) % (len(WORDINGS) - 1)]):
            said = wording.replace("{}", thing)
            pairs[said.replace("STYLE", "{}")] = tuple(said.replace("STYLE", style) for style in CLEAREST)
    return pairs


def unasked(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Words for kinds of things, and names of the concepts that no suite asks for."""
    asked = known(vocabulary, read_scores()) if SCORES_FILE.is_file() else vocabulary.by_name
    names = [concept.name for concept in vocabulary.concepts if concept.name not in set(asked)]
    return (*sorted(vocabulary.by_general), *(name for name in names if name not in vocabulary.by_general))
