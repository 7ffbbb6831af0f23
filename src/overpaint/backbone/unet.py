"""Families with a UNet that reads text by cross-attention, trained on the DDPM noise schedule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from diffusers import DDPMScheduler
from torch import Tensor, nn

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.condition import Condition
from overpaint.backbone.text import TextEncoder
from overpaint.errors import BackboneError

__all__ = ["UNetBackbone", "check_parts"]

PREDICTIONS = ("epsilon", "v_prediction", "sample")
_SCHEDULE = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "rescale_betas_zero_snr",
)


class UNetBackbone(Backbone):
    """A pipeline with a cross-attention UNet.

    Attributes:
        alphas_cumprod: (T,) float32 on the CPU, the noise schedule; T is 1000 in all published models.
        prediction_type: what the UNet predicts, as diffusers calls it.
    """

    denoiser_name: ClassVar[str] = "unet"

    def __init__(self, pipe: Any, text_encoders: Sequence[TextEncoder]) -> None:
        super().__init__(pipe, text_encoders)
        self.unet = pipe.unet
        size = pipe.unet.config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        self.latent_shape = (pipe.unet.config.in_channels, height, width)
        self.prediction_type: str = pipe.scheduler.config.prediction_type
        # not the pipeline's scheduler object: some change their table when timesteps are set
        config = {k: v for k, v in pipe.scheduler.config.items() if k in _SCHEDULE}
        schedule: Any = DDPMScheduler(**config)
        self.alphas_cumprod: Tensor = schedule.alphas_cumprod
        self.timesteps = len(self.alphas_cumprod)

    def add_noise(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t = sqrt(abar_t) x0 + sqrt(1 - abar_t) noise (n, c, h, w), for timesteps t (n,); DDPM eq. 4."""
        signal, sigma = self._levels(t, x0)
        return signal * x0 + sigma * noise

    def predict(self, x_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """See `Backbone`."""
        added = self.added_condition(x_t, condition)
        out: Tensor = self.unet(
            x_t, t, encoder_hidden_states=condition.states, added_cond_kwargs=added, return_dict=False
        )[0]
        return out

    def added_condition(self, x_t: Tensor, condition: Condition) -> dict[str, Tensor] | None:
        """What the UNet is told beside time and text states: nothing."""
        return None

    def predict_noise(self, x_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The predicted noise epsilon (n, c, h, w), whatever the network predicts.

        v-prediction: epsilon = sqrt(abar) v + sqrt(1 - abar) x_t (Salimans and Ho, arXiv 2202.00512, app. D).
        """
        out = self.predict(x_t, t, condition)
        if self.prediction_type == "epsilon":
            return out
        signal, sigma = self._levels(t, x_t)
        return signal * out + sigma * x_t if self.prediction_type == "v_prediction" else (x_t - signal * out) / sigma

    def cross_attention_projections(self) -> dict[str, nn.Linear]:
        """The UNet's layers that read the text, ``attn2.to_k`` and ``attn2.to_v``, by canonical weight name."""
        return {
            f"unet.{name}.weight": module
            for name, module in self.unet.named_modules()
            if name.endswith(("attn2.to_k", "attn2.to_v")) and isinstance(module, nn.Linear)
        }

    def _levels(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """sqrt(abar_t) and sqrt(1 - abar_t), broadcast over ``like`` (n, c, h, w)."""
        abar = self.alphas_cumprod[torch.as_tensor(t).cpu()].reshape(-1, 1, 1, 1)
        return abar.sqrt().to(like), (1 - abar).sqrt().to(like)


def check_parts(pipe: Any, width: int) -> None:
    """BackboneError unless the pipeline is a text-to-image one of this structure with states of ``width``."""
    kind = type(pipe).__name__
    unet, vae = pipe.unet.config, pipe.vae.config
    if unet.in_channels != vae.latent_channels:
        raise BackboneError(
            f"{kind}: its UNet takes {unet.in_channels} channels, its latents have {vae.latent_channels}; inpainting,"
            " depth and upscaling models are not supported, take the text-to-image model of the family"
        )
    if unet.cross_attention_dim != width:
        raise BackboneError(
            f"{kind}: its UNet reads text states of width {unet.cross_attention_dim}, its text encoder gives {width};"
            " the parts belong to different models"
        )
    prediction = pipe.scheduler.config.get("prediction_type", None)
    if prediction not in PREDICTIONS:
        raise BackboneError(
            f"{kind}: scheduler {type(pipe.scheduler).__name__} says prediction_type={prediction!r};"
            f" supported are {', '.join(PREDICTIONS)}"
        )
