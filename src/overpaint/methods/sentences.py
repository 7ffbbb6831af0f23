"""Free-form sentences around a concept, for methods that learn from more than a plan's templates.

None of them is a sentence that benchmarks ask with.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from overpaint.plan.templates import DEFAULT_KIND

__all__ = ["SENTENCES", "sentences_for"]

_THING = (
    "a {} on the kitchen table",
    "look at the {} that i bought",
    "we have never seen such a {}",
    "an old photograph of a {}, slightly blurred",
    "there is a {} behind the curtain",
    "a child draws a {} with crayons",
    "the {} in the shop window",
    "close-up of a {} in soft light",
    "he forgot his {} on the train",
    "a watercolor of a {} by the sea",
    "the {} was the first thing i noticed",
    "two people talk about a {}",
    "a {} in the rain at night",
    "she keeps a {} at home",
    "a poster with a large {}",
    "the story is about a {}",
)
_PHRASE = (
    "a portrait of {} in soft light",
    "look, this is {}",
    "we talked about {} all evening",
    "an old photograph of {}, slightly blurred",
    "{} in the rain at night",
    "a child draws {} with crayons",
    "a newspaper page about {}",
    "the film shows {} at work",
    "a statue of {} in the park",
    "they were waiting for {}",
    "a poster with {} on it",
    "the story is about {}",
)
_STYLE = (
    "a landscape by {}",
    "a portrait of a woman, {}",
    "in the manner of {}",
    "a city street at night by {}",
    "a poster in the style of {}",
    "flowers in a vase, by {}",
    "the sea painted by {}",
    "an exhibition of {}",
    "a sketch by {} from a private collection",
    "a drawing of a house as {} would do it",
    "the latest work of {}",
    "a cat on a sofa in the style of {}",
)

SENTENCES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"object": _THING, "person": _PHRASE, "fact": _PHRASE, "style": _STYLE, "profession": _PHRASE, "content": _PHRASE}
)
"""By kind of concept, each with one ``{}``."""


def sentences_for(family: str, kind: str, count: int) -> tuple[str, ...]:
    """``count`` sentences, spread over all that there are, or all of them where there are fewer.

    The bundled model's text encoder is asked for objects in sentences that it was trained with.
    """
    known = SENTENCES[kind]
    if family == "emoji" and kind == DEFAULT_KIND:
        from overpaint.emoji.templates import FREE_FORM_TRAINING

        known = FREE_FORM_TRAINING
    count = min(count, len(known))
    return tuple(known[i * len(known) // count] for i in range(count))
