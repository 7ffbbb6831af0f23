"""FLUX.2 [klein] (Black Forest Labs, 2026), as methods see them: states of a language model from three depths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.chat import chat_template
from overpaint.backbone.condition import Condition
from overpaint.backbone.flow import LEVELS, FlowBackbone
from overpaint.backbone.normalised import SquareAutoencoder
from overpaint.backbone.reading import Mapped, Reading
from overpaint.backbone.text import Encoded, TextEncoder
from overpaint.errors import BackboneError

__all__ = ["Flux2Klein"]

WINDOW = 512
"""Tokens that diffusers' pipeline uses, the chat template's included."""
DEPTHS = (9, 18, 27)
"""Blocks of the language model behind which its states are read."""


class Flux2Klein(FlowBackbone):
    """A pipeline with a language model (Qwen3) and a transformer with streams of text and picture tokens, then of both.

    A prompt is what a user says in a chat. The whole window is read, padding included, which itself reads the prompt
    alone. The states behind three blocks stand side by side, so what an edit writes must be there behind the first
    of them: blocks 0 to 8 can be edited. The base models are drawn with guidance, the distilled ones without.
    """

    family = "flux2-klein"
    coder = SquareAutoencoder

    def __init__(self, pipe: Any) -> None:
        """Raises BackboneError if the pipeline's parts do not fit together, or it is FLUX.2 [dev]."""
        config = pipe.transformer.config
        if config.guidance_embeds:
            raise BackboneError(
                f"{type(pipe).__name__}: its transformer is told a guidance scale, as FLUX.2 [dev]'s is; only"
                " FLUX.2 [klein] is supported"
            )
        chat = chat_template(pipe.tokenizer, enable_thinking=False)
        text = TextEncoder(pipe.text_encoder, pipe.tokenizer, window=WINDOW, chat=chat, depths=DEPTHS, masked=True)
        if config.joint_attention_dim != text.given or len(text.blocks) < DEPTHS[-1]:
            raise BackboneError(
                f"{type(pipe).__name__}: its transformer reads text states of width {config.joint_attention_dim}, its"
                f" text encoder of {len(text.blocks)} blocks gives {text.given}; the parts belong to different models"
            )
        if config.in_channels != 4 * pipe.vae.config.latent_channels:
            raise BackboneError(
                f"{type(pipe).__name__}: its transformer takes {config.in_channels} channels, its latents have"
                f" {4 * pipe.vae.config.latent_channels}; the parts belong to different models"
            )
        side = pipe.default_sample_size // 2
        super().__init__(pipe, [text], (config.in_channels, side, side))
        self.distilled = bool(pipe.config.get("is_distilled"))

    @property
    def readings(self) -> list[Reading]:
        """The context embedder reads the states of all three depths at once."""
        embedder = self.transformer.context_embedder
        return [Reading((Mapped(self.text),), {"transformer.context_embedder.weight": embedder})]

    @property
    def guidance(self) -> float:
        """Default guidance scale: diffusers' for the base models, none for the distilled ones."""
        return 0.0 if self.distilled else 4.0

    def guided(self, conditions: Condition, guidance: float) -> tuple[Condition, float]:
        """Distilled models know no guidance, whatever is asked for."""
        return conditions, 0.0 if self.distilled else guidance

    def condition(self, encoded: Mapping[str, Encoded]) -> Condition:
        """See `Backbone`."""
        return Condition(encoded[self.text.name].states)

    def predict(self, x_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The velocity; see `Backbone`."""
        _, _, height, width = x_t.shape
        places = torch.zeros(height, width, 4, device=x_t.device)
        places[..., 1] = torch.arange(height, device=x_t.device)[:, None]
        places[..., 2] = torch.arange(width, device=x_t.device)
        words = torch.zeros(condition.states.shape[1], 4, device=x_t.device)
        words[:, 3] = torch.arange(len(words), device=x_t.device)
        out: Tensor = self.transformer(
            hidden_states=x_t.flatten(2).mT,
            timestep=torch.as_tensor(t).to(x_t).expand(len(x_t)) / LEVELS,
            encoder_hidden_states=condition.states,
            txt_ids=words,
            img_ids=places.flatten(0, 1),
            return_dict=False,
        )[0]
        return out.mT.reshape(x_t.shape)

    def _shift(self, config: Any, steps: int) -> float:
        """Linear in picture tokens at 10 and at 200 steps and in steps between and beyond; of many tokens that at 200.

        The numbers are the authors'.
        """
        tokens = self.latent_shape[1] * self.latent_shape[2]
        few, many = 8.73809524e-05 * tokens + 1.89833333, 0.00016927 * tokens + 0.45666666
        return many if tokens > 4300 else many + (many - few) / 190 * (steps - 200)
