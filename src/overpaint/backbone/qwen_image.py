"""Qwen-Image (arXiv 2508.02324), as methods see it: the text encoder is a language model that also sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.condition import Condition
from overpaint.backbone.flow import LEVELS, FlowBackbone
from overpaint.backbone.normalised import FilmAutoencoder
from overpaint.backbone.packing import packed, unpacked
from overpaint.backbone.reading import Mapped, Reading
from overpaint.backbone.text import Encoded, TextEncoder
from overpaint.errors import BackboneError

__all__ = ["QwenImage"]

WINDOW = 512
"""Tokens that diffusers' pipeline hands to the transformer at most."""


class QwenImage(FlowBackbone):
    """A pipeline with Qwen2.5-VL, of which the final states are read, and a transformer of two streams.

    A prompt is what a user says in a chat that begins with the task to describe a picture. The tokens of that task are
    not read, nor is padding; the prompt and the template's words behind it are.
    """

    family = "qwen-image"
    coder = FilmAutoencoder

    def __init__(self, pipe: Any) -> None:
        """Raises BackboneError if the pipeline's parts do not fit together."""
        self.unread: int = pipe.prompt_template_encode_start_idx
        before, behind = pipe.prompt_template_encode.split("{}")
        text = TextEncoder(pipe.text_encoder, pipe.tokenizer, window=self.unread + WINDOW, chat=(before, behind))
        config = pipe.transformer.config
        if config.joint_attention_dim != text.given:
            raise BackboneError(
                f"{type(pipe).__name__}: its transformer reads text states of width {config.joint_attention_dim}, its"
                f" text encoder gives {text.given}; the parts belong to different models"
            )
        channels = config.in_channels // 4
        if channels != pipe.vae.config.z_dim:
            raise BackboneError(
                f"{type(pipe).__name__}: its transformer takes {channels} channels, its latents have"
                f" {pipe.vae.config.z_dim}; the parts belong to different models"
            )
        side = pipe.default_sample_size
        super().__init__(pipe, [text], (channels, side, side))

    @property
    def readings(self) -> list[Reading]:
        """The text stream's first layer reads the states, normalised."""
        reader = Mapped(self.text, self.transformer.txt_norm)
        return [Reading((reader,), {"transformer.txt_in.weight": self.transformer.txt_in})]

    @property
    def guidance(self) -> float:
        """Default guidance scale: diffusers' where it is given a negative prompt."""
        return 4.0

    def combined(self, without: Tensor, along: Tensor, guidance: float) -> Tensor:
        """See `Backbone`. Each picture token's prediction is turned, and stays as long as that for the prompt."""
        along_tokens = packed(along)
        turned = packed(super().combined(without, along, guidance))
        length = along_tokens.norm(dim=-1, keepdim=True) / turned.norm(dim=-1, keepdim=True)
        return unpacked(turned * length, *along.shape[-2:])

    def condition(self, encoded: Mapping[str, Encoded]) -> Condition:
        """See `Backbone`."""
        found = encoded[self.text.name]
        places = torch.arange(found.states.shape[1], device=found.states.device)
        read = places <= self.text.end_positions(found.ids)[:, None].to(places.device)
        return Condition(found.states[:, self.unread :], mask=read[:, self.unread :])

    def predict(self, x_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The velocity; see `Backbone`."""
        assert condition.mask is not None
        rows, _, height, width = x_t.shape
        length = int(condition.mask.sum(dim=1).max())
        mask = condition.mask[:, :length]
        out: Tensor = self.transformer(
            hidden_states=packed(x_t),
            timestep=torch.as_tensor(t).to(x_t).expand(rows) / LEVELS,
            encoder_hidden_states=condition.states[:, :length],
            encoder_hidden_states_mask=None if bool(mask.all()) else mask,
            img_shapes=[[(1, height // 2, width // 2)]] * rows,
            return_dict=False,
        )[0]
        return unpacked(out, height, width)
