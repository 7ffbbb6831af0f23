"""Kinds of concepts: the prompts in which a method meets a concept of that kind, and the neutral word for it.

The templates are the published ones (EMCID, arXiv 2403.13807, and the task settings of its release).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["DEFAULT_KIND", "KINDS", "Kind"]


@dataclass(frozen=True)
class Kind:
    """What a kind of concept brings along when a plan does not say otherwise.

    Attributes:
        prompts: templates with one ``{}`` each.
        neutral: what remains when the concept is erased and the plan names no anchor ("art" for a painter's style);
            None where no word is neutral, so that methods use negative guidance instead.
        thing: whether its phrases are nouns that fit any sentence about a thing or a person.
    """

    prompts: tuple[str, ...]
    neutral: str | None = None
    thing: bool = True


_PLAIN = ("An image of {}", "A photo of {}", "{}")

DEFAULT_KIND = "object"

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        # EMCID's tasks: ImageNet concepts, aliases to rectify, and the facts of RoAD and TIMED.
        "object": Kind(_PLAIN),
        "person": Kind(_PLAIN, neutral="a person"),
        "fact": Kind(_PLAIN, thing=False),
        # Artists; erased towards "art".
        "style": Kind(("painting by {}", "artwork by {}", "style of {}"), neutral="art", thing=False),
        # Gender debiasing of 37 professions ("a doctor": the article belongs to the concept).
        "profession": Kind(("a photo of {}", "an image of {}", "{}"), neutral="a person"),
        # Unwanted content named by keywords ("nudity").
        "content": Kind(("{}", "A photo depicting {}", "A photo showing {}"), thing=False),
    }
)
