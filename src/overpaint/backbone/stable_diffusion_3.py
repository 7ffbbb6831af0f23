"""Stable Diffusion 3 and 3.5 (Esser et al., arXiv 2403.03206), as methods see them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from overpaint.backbone.condition import Condition
from overpaint.backbone.flow import FlowBackbone
from overpaint.backbone.reading import Joined, Pooled, Reading
from overpaint.backbone.text import Encoded, TextEncoder
from overpaint.errors import BackboneError

__all__ = ["StableDiffusion3"]

T5_WINDOW = 256
"""T5 tokens that diffusers' pipeline uses."""


class StableDiffusion3(FlowBackbone):
    """A pipeline with two CLIPs, T5 and a transformer where text and picture tokens share every attention.

    Token states are those before each CLIP's last block side by side, filled up with zeros to T5's width, and T5's
    behind them. The pooled state is both CLIPs' projected end tokens.
    """

    family = "sd3"

    def __init__(self, pipe: Any) -> None:
        """Raises BackboneError if the pipeline's parts do not fit together."""
        texts = [
            TextEncoder(pipe.text_encoder, pipe.tokenizer, skip=1),
            TextEncoder(pipe.text_encoder_2, pipe.tokenizer_2, "text_encoder_2", skip=1),
            TextEncoder(pipe.text_encoder_3, pipe.tokenizer_3, "text_encoder_3", window=T5_WINDOW),
        ]
        config = pipe.transformer.config
        if config.joint_attention_dim != texts[2].width or texts[0].width + texts[1].width > texts[2].width:
            raise BackboneError(
                f"{type(pipe).__name__}: its transformer reads text states of width {config.joint_attention_dim}, its"
                f" text encoders give {[text.width for text in texts]}; the parts belong to different models"
            )
        side = config.sample_size
        super().__init__(pipe, texts, (config.in_channels, side, side))

    @cached_property
    def _clips(self) -> Joined:
        return Joined(self.text_encoders[:2], width=self.text_encoders[2].width)

    @property
    def readings(self) -> list[Reading]:
        """The context embedder reads CLIP rows and T5 rows, the pooled projection both CLIPs' pooled states."""
        embedder = self.transformer.time_text_embed.text_embedder.linear_1
        pooled = Pooled(self.text_encoders[:2], embedder.in_features)
        return [
            Reading(
                (self._clips, self.text_encoders[2]),
                {"transformer.context_embedder.weight": self.transformer.context_embedder},
            ),
            Reading((pooled,), {"transformer.time_text_embed.text_embedder.linear_1.weight": embedder}),
        ]

    @property
    def guidance(self) -> float:
        """Default guidance scale: diffusers' for this family."""
        return 7.0

    def condition(self, encoded: Mapping[str, Encoded]) -> Condition:
        """See `Backbone`."""
        *clips, t5 = (encoded[text.name] for text in self.text_encoders)
        side_by_side = torch.cat([one.states.to(t5.states) for one in clips], dim=-1)
        filled = F.pad(side_by_side, (0, t5.states.shape[-1] - side_by_side.shape[-1]))
        pooled = [text.embedding(one.final, one.ids) for text, one in zip(self.text_encoders, clips, strict=False)]
        return Condition(
            torch.cat([filled, t5.states], dim=1), torch.cat([one.to(t5.states) for one in pooled], dim=-1)
        )

    def predict(self, x_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The velocity; see `Backbone`."""
        out: Tensor = self.transformer(
            hidden_states=x_t,
            timestep=torch.as_tensor(t).to(x_t.device).expand(len(x_t)),
            encoder_hidden_states=condition.states,
            pooled_projections=condition.pooled,
            return_dict=False,
        )[0]
        return out

    def _sigmas(self, steps: int) -> Any:
        """The scheduler's own."""
        return None
