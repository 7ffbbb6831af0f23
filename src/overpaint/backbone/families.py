"""What the model families have and lack, as far as it decides which methods apply: data, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = ["FAMILIES", "Family", "Need", "obstacle"]

Need = Literal[
    "cross-attention",
    "attention to tokens",
    "a window of tokens",
    "one text encoder",
    "masked prompts",
    "guidance",
    "feed-forward units",
]
"""What methods may need of a family:

* cross-attention: keys and values that are read off text alone;
* attention to tokens: every layer that reads text reads it token by token;
* a window of tokens: every prompt fills rows of one length, padding included;
* one text encoder: what is published for the method, is for one;
* masked prompts: text states without padding, as EMCID's release trains on;
* guidance: predictions with and without the prompt;
* feed-forward units: text encoders whose feed-forward units each have a threshold of their own.
"""


@dataclass(frozen=True)
class Family:
    """A model family.

    Attributes:
        title: for people.
        lacks: what methods may need and it does not have, each with the reason.
    """

    title: str
    lacks: Mapping[Need, str]


_JOINT = "text and picture tokens share every attention, so no keys and values are read off text alone"
_POOLED = "one of the layers that read text reads it as a whole, without tokens"
_TWO = "it has more than one text encoder, and the method is published for one"
_WINDOW = "its transformer reads a whole window of text states, padding included"
_LENGTH = "its transformer reads prompts at their own lengths, so their rows do not match token by token"
_CLIP = "its text encoder is a language model, and the method is published for CLIP"
_BILINEAR = "it has a text encoder whose feed-forward units are products without thresholds"
_TOLD = "its transformer is told how strongly to follow the prompt, so there is no prediction without it to guard"

_TRANSFORMER: Mapping[Need, str] = MappingProxyType(
    {
        "cross-attention": _JOINT,
        "attention to tokens": _POOLED,
        "one text encoder": _TWO,
        "masked prompts": _WINDOW,
        "feed-forward units": _BILINEAR,
    }
)

_LANGUAGE: Mapping[Need, str] = MappingProxyType(
    {
        "cross-attention": _JOINT,
        "one text encoder": _CLIP,
        "masked prompts": _CLIP,
        "feed-forward units": _BILINEAR,
    }
)

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "emoji": Family("the bundled emoji model", {}),
        "sd1": Family("Stable Diffusion 1.x", {}),
        "sd2": Family("Stable Diffusion 2.x", {}),
        "sdxl": Family("Stable Diffusion XL", {"one text encoder": _TWO}),
        "sd3": Family("Stable Diffusion 3 and 3.5", _TRANSFORMER),
        "flux": Family("FLUX.1", {**_TRANSFORMER, "guidance": _TOLD}),
        "z-image": Family("Z-Image", {**_LANGUAGE, "a window of tokens": _LENGTH}),
        "qwen-image": Family("Qwen-Image", {**_LANGUAGE, "a window of tokens": _LENGTH}),
        "flux2-klein": Family("FLUX.2 [klein]", _LANGUAGE),
    }
)
"""All families by the key that adapters and settings use."""


def obstacle(needs: frozenset[Need], family: str) -> str | None:
    """Why what needs all of this does not work on a family; None if it does. Unknown families have nothing."""
    if family not in FAMILIES:
        return f"no settings are known for models of family {family!r}"
    return next((reason for need, reason in FAMILIES[family].lacks.items() if need in needs), None)
