"""Z-Image and Z-Image-Turbo (arXiv 2511.22699), as methods see them: the text encoder is a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.chat import chat_template
from overpaint.backbone.condition import Condition
from overpaint.backbone.flow import LEVELS, FlowBackbone
from overpaint.backbone.reading import Mapped, Reading
from overpaint.backbone.text import Encoded, TextEncoder
from overpaint.errors import BackboneError

__all__ = ["ZImage"]

WINDOW = 512
"""Tokens that diffusers' pipeline uses, the chat template's included."""
SIDE = 128
"""Latents along one side of a picture of 1024 pixels, which the pipeline draws by default."""


class ZImage(FlowBackbone):
    """A pipeline with a language model (Qwen3), of which the states before the last block are read, and a transformer
    that takes text and picture tokens as one sequence.

    A prompt is what a user says in a chat. All tokens of the chat are read, padding is not.
    """

    family = "z-image"
    prompts_first = True

    def __init__(self, pipe: Any, side: int = SIDE) -> None:
        """``side``: of the latents; the configuration does not tell it.

        Raises BackboneError if the pipeline's parts do not fit together.
        """
        chat = chat_template(pipe.tokenizer, enable_thinking=True)
        text = TextEncoder(pipe.text_encoder, pipe.tokenizer, skip=1, window=WINDOW, chat=chat)
        config = pipe.transformer.config
        if config.cap_feat_dim != text.width:
            raise BackboneError(
                f"{type(pipe).__name__}: its transformer reads text states of width {config.cap_feat_dim}, its text"
                f" encoder gives {text.width}; the parts belong to different models"
            )
        super().__init__(pipe, [text], (config.in_channels, side, side))

    @property
    def readings(self) -> list[Reading]:
        """The caption embedder reads the states, normalised."""
        norm, embedder = self.transformer.cap_embedder
        return [Reading((Mapped(self.text, norm),), {"transformer.cap_embedder.1.weight": embedder})]

    @property
    def guidance(self) -> float:
        """Default guidance scale: diffusers' for the base model. Turbo is drawn without."""
        return 5.0

    def guided(self, conditions: Condition, guidance: float) -> tuple[Condition, float]:
        """The pipeline adds the difference to the prompt's own prediction: its scale counts one less than others'."""
        return conditions, guidance + 1 if guidance > 1 else 0.0

    def condition(self, encoded: Mapping[str, Encoded]) -> Condition:
        """See `Backbone`."""
        found = encoded[self.text.name]
        places = torch.arange(found.states.shape[1], device=found.states.device)
        return Condition(found.states, mask=places <= self.text.end_positions(found.ids)[:, None].to(places.device))

    def predict(self, x_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The velocity; see `Backbone`. The transformer's own time runs the other way, and so does its velocity."""
        assert condition.mask is not None
        texts = [states[mask] for states, mask in zip(condition.states, condition.mask, strict=True)]
        level = torch.as_tensor(t).to(x_t.device).expand(len(x_t)) / LEVELS
        out = self.transformer(list(x_t[:, :, None]), 1 - level, texts, return_dict=False)[0]
        return -torch.stack(list(out))[:, :, 0]
