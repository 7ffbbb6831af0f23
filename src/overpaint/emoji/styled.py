"""Things in one style beside the same things in another, for methods that learn what a style is: without a concept.

Suites that erase styles ask for none of these things: they are words for kinds of things, concepts that the model draws
too badly, and a third of all others.
"""

from __future__ import annotations

from overpaint.emoji.captions import PROMPTS_PLAIN, fill
from overpaint.emoji.palette import STYLE_WORDS
from overpaint.emoji.scores import SCORES_FILE, known, read_scores
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.seeding import derive

__all__ = ["shown", "styled_pairs", "things"]

WORDINGS: tuple[str, ...] = ("{} in STYLE style", "{} in the STYLE style", "{}, STYLE style", "{} drawn in STYLE style")
"""How a style is said of something."""

CLEAREST: tuple[str, ...] = ("twemoji", "flat")
"""The styles that the model draws most surely when they are named, the surest first."""


SHARE = 3
"""One of so many concepts is left to what learns styles."""


def styled_pairs(vocabulary: Vocabulary | None = None) -> dict[str, tuple[str, ...]]:
    """Prompts with a ``{}`` for a style, each with the same prompt in other styles: the first is to be preferred.

    ``{"an image of a fruit in {} style": ("an image of a fruit in twemoji style", ...), ...}``. A style turns into one
    other in all of them: from a mixture a model learns what lies between its parts, and that is near to every style.
    Many things are named once each: of few, what is learned is how they look.
    """
    pairs: dict[str, tuple[str, ...]] = {}
    for n, word in enumerate(things(vocabulary or Vocabulary.load())):
        thing = fill(PROMPTS_PLAIN[n // len(WORDINGS) % len(PROMPTS_PLAIN)], word)
        said = WORDINGS[n % len(WORDINGS)].replace("{}", thing)
        pairs[said.replace("STYLE", "{}")] = tuple(said.replace("STYLE", style) for style in CLEAREST)
    return pairs


def things(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Words for kinds of things, and names of the concepts that no suite asks for in a style."""
    asked = known(vocabulary, read_scores()) if SCORES_FILE.is_file() else vocabulary.by_name
    left = {name for name in asked if not shown(name)}
    names = [concept.name for concept in vocabulary.concepts if concept.name not in left]
    return (*sorted(vocabulary.by_general), *(name for name in names if name not in vocabulary.by_general))


def shown(name: str) -> bool:
    """Whether a concept is left to what learns styles, by its name alone; suites ask for the others.

    A name that says a style itself ("flat shoe") would teach another meaning of the word.
    """
    return derive(0, "shown in styles", name) % SHARE == 0 and not set(STYLE_WORDS) & set(name.split())
