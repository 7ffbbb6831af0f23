"""FLUX.1 [dev] and [schnell] (Black Forest Labs, 2024), as methods see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.condition import Condition
from overpaint.backbone.flow import LEVELS, FlowBackbone
from overpaint.backbone.packing import packed, unpacked
from overpaint.backbone.reading import Pooled, Reading
from overpaint.backbone.text import Encoded, TextEncoder
from overpaint.errors import BackboneError

__all__ = ["Flux"]

WINDOWS = {True: 512, False: 256}
"""T5 tokens that the guidance-distilled model (dev) and the other one (schnell) are made for."""

PLAIN = 1.0
"""The guidance scale at which a guidance-distilled model predicts for the prompt alone."""


class Flux(FlowBackbone):
    """A pipeline with CLIP, of which the pooled state is read, T5, read token by token, and a flow transformer.

    FLUX.1 [dev] is told a guidance scale and needs one evaluation for each step; [schnell] knows no guidance.
    Predictions that methods ask for are those without guidance (scale 1).
    """

    family = "flux"

    def __init__(self, pipe: Any) -> None:
        """Raises BackboneError if the pipeline's parts do not fit together."""
        config = pipe.transformer.config
        self.distilled = bool(config.guidance_embeds)
        texts = [
            TextEncoder(pipe.text_encoder, pipe.tokenizer),
            TextEncoder(pipe.text_encoder_2, pipe.tokenizer_2, "text_encoder_2", window=WINDOWS[self.distilled]),
        ]
        widths = (config.pooled_projection_dim, config.joint_attention_dim)
        if widths != (texts[0].width, texts[1].width):
            raise BackboneError(
                f"{type(pipe).__name__}: its transformer reads text states of widths {widths}, its text encoders give"
                f" {(texts[0].width, texts[1].width)}; the parts belong to different models"
            )
        channels = config.in_channels // 4
        if channels != pipe.vae.config.latent_channels:
            raise BackboneError(
                f"{type(pipe).__name__}: its transformer takes {channels} channels, its latents have"
                f" {pipe.vae.config.latent_channels}; take the text-to-image model, not fill, depth or canny"
            )
        # diffusers 0.31 counts in patches of two latents and says so in its scale; later ones in latents
        side = pipe.default_sample_size * pipe.vae_scale_factor // 2 ** (len(pipe.vae.config.block_out_channels) - 1)
        super().__init__(pipe, texts, (channels, side, side))

    @property
    def text(self) -> TextEncoder:
        """T5."""
        return self.text_encoders[1]

    @property
    def token_encoders(self) -> list[TextEncoder]:
        """T5 alone: of CLIP only the pooled state is read."""
        return self.text_encoders[1:]

    @property
    def readings(self) -> list[Reading]:
        """The context embedder reads T5's states, the pooled projection CLIP's pooled state."""
        pooled = Pooled(self.text_encoders[:1], self.text_encoders[0].width)
        embedder = self.transformer.time_text_embed.text_embedder.linear_1
        return [
            Reading((self.text,), {"transformer.context_embedder.weight": self.transformer.context_embedder}),
            Reading((pooled,), {"transformer.time_text_embed.text_embedder.linear_1.weight": embedder}),
        ]

    @property
    def guidance(self) -> float:
        """Default guidance scale: diffusers' for dev, none for schnell."""
        return 3.5 if self.distilled else 0.0

    def condition(self, encoded: Mapping[str, Encoded]) -> Condition:
        """See `Backbone`."""
        clip, t5 = (encoded[text.name] for text in self.text_encoders)
        pooled = self.text_encoders[0].embedding(clip.final, clip.ids).to(t5.states)
        plain = torch.full((len(pooled),), PLAIN, device=pooled.device) if self.distilled else None
        return Condition(t5.states, pooled, plain)

    def guided(self, conditions: Condition, guidance: float) -> tuple[Condition, float]:
        """The scale is told to the network; two predictions are never combined."""
        if conditions.guidance is not None:
            conditions = replace(conditions, guidance=torch.full_like(conditions.guidance, guidance))
        return conditions, 0.0

    def predict(self, x_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The velocity; see `Backbone`."""
        rows, _, height, width = x_t.shape
        places = torch.zeros(height // 2, width // 2, 3, device=x_t.device, dtype=x_t.dtype)
        places[..., 1] = torch.arange(height // 2, device=x_t.device)[:, None]
        places[..., 2] = torch.arange(width // 2, device=x_t.device)
        out: Tensor = self.transformer(
            hidden_states=packed(x_t),
            timestep=torch.as_tensor(t).to(x_t).expand(rows) / LEVELS,
            guidance=condition.guidance,
            pooled_projections=condition.pooled,
            encoder_hidden_states=condition.states,
            txt_ids=torch.zeros(condition.states.shape[1], 3, device=x_t.device, dtype=x_t.dtype),
            img_ids=places.flatten(0, 1),
            return_dict=False,
        )[0]
        return unpacked(out, height, width)
