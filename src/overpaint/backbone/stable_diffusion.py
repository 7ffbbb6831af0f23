"""Stable Diffusion 1.x and 2.x, and the bundled emoji model, as methods see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overpaint.backbone.condition import Condition
from overpaint.backbone.reading import Reading
from overpaint.backbone.text import Encoded, TextEncoder
from overpaint.backbone.unet import UNetBackbone, check_parts

__all__ = ["StableDiffusion", "family_of_width"]

FAMILIES = {768: "sd1", 1024: "sd2"}


class StableDiffusion(UNetBackbone):
    """A pipeline with one CLIP text encoder, a cross-attention UNet and a KL autoencoder.

    Attributes:
        family: "sd1" or "sd2" by the width of the text encoder (768, 1024), "emoji" for the bundled model and anything
            of its kind.
    """

    def __init__(self, pipe: Any) -> None:
        check_parts(pipe, pipe.text_encoder.config.hidden_size)
        super().__init__(pipe, [TextEncoder(pipe.text_encoder, pipe.tokenizer)])
        self.window: int = self.text.window
        self.family = family_of_width(self.text.width)

    @property
    def readings(self) -> list[Reading]:
        """Cross-attention reads the text encoder's final states."""
        return [Reading((self.text,), self.cross_attention_projections())]

    @property
    def guidance(self) -> float:
        """Default guidance scale."""
        return 4.0 if self.family == "emoji" else 7.5

    def condition(self, encoded: Mapping[str, Encoded]) -> Condition:
        """See `Backbone`."""
        return Condition(encoded["text_encoder"].states)


def family_of_width(width: int) -> str:
    """The family of a pipeline whose text encoder has states of this width."""
    return FAMILIES.get(width, "emoji")
