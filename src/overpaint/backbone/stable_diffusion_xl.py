"""Stable Diffusion XL, base model (Podell et al., arXiv 2307.01952), as methods see it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.condition import Condition
from overpaint.backbone.reading import Joined, Reading
from overpaint.backbone.text import Encoded, TextEncoder
from overpaint.backbone.unet import UNetBackbone, check_parts
from overpaint.errors import BackboneError

__all__ = ["StableDiffusionXL"]


class StableDiffusionXL(UNetBackbone):
    """A pipeline with two CLIP text encoders and a UNet that is also told a pooled text state and picture sizes.

    Each encoder has its own tokenizer: they share a vocabulary and pad differently. The UNet reads the states before
    each encoder's last block side by side, and the projected end token of the second. Pictures are taken to be whole,
    of the size they are drawn in: sizes (H, W), crops (0, 0), targets (H, W).
    """

    family = "sdxl"

    def __init__(self, pipe: Any) -> None:
        """Raises BackboneError if the pipeline's parts do not fit together, or it is the refiner."""
        texts = [
            TextEncoder(pipe.text_encoder, pipe.tokenizer, skip=1),
            TextEncoder(pipe.text_encoder_2, pipe.tokenizer_2, "text_encoder_2", skip=1),
        ]
        check_parts(pipe, sum(text.width for text in texts))
        if pipe.unet.config.addition_embed_type != "text_time" or pipe.config.get("requires_aesthetics_score"):
            raise BackboneError(f"{type(pipe).__name__}: is no SDXL base model; take the base, not the refiner")
        if texts[0].window != texts[1].window:
            raise BackboneError(f"{type(pipe).__name__}: its text encoders have windows of different length")
        super().__init__(pipe, texts)

    @cached_property
    def _joined(self) -> Joined:
        return Joined(self.text_encoders)

    @property
    def readings(self) -> list[Reading]:
        """Cross-attention reads both encoders' states side by side; the pooled state is not edited."""
        return [Reading((self._joined,), self.cross_attention_projections())]

    @property
    def guidance(self) -> float:
        """Default guidance scale: diffusers' for this family."""
        return 5.0

    def condition(self, encoded: Mapping[str, Encoded]) -> Condition:
        """See `Backbone`."""
        first, second = (encoded[text.name] for text in self.text_encoders)
        pooled = self.text_encoders[1].embedding(second.final, second.ids)
        states = torch.cat([first.states, second.states.to(first.states.device)], dim=-1)
        return Condition(states, pooled.to(states.device))

    def unconditional(self, negative: str = "") -> Condition:
        """Zeros for no negative prompt if the model's configuration says so, as that of the published model does."""
        found = super().unconditional(negative)
        if negative or not self.pipe.config.get("force_zeros_for_empty_prompt"):
            return found
        assert found.pooled is not None
        return Condition(torch.zeros_like(found.states), torch.zeros_like(found.pooled))

    def added_condition(self, x_t: Tensor, condition: Condition) -> dict[str, Tensor]:
        """Pooled text states and size conditioning (section 2.2)."""
        assert condition.pooled is not None
        height, width = (side * self.autoencoder.side for side in x_t.shape[-2:])
        sizes = torch.tensor([height, width, 0, 0, height, width], device=x_t.device, dtype=x_t.dtype)
        return {"text_embeds": condition.pooled, "time_ids": sizes.expand(len(x_t), -1)}
