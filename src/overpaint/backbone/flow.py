"""Families whose transformer is trained by flow matching (arXiv 2210.02747; rectified flow, arXiv 2209.03003)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from overpaint.backbone import sampling
from overpaint.backbone.backbone import Backbone
from overpaint.backbone.condition import Condition
from overpaint.backbone.text import TextEncoder

__all__ = ["FlowBackbone"]

LEVELS = 1000
"""Timesteps are noise levels in thousandths."""


class FlowBackbone(Backbone):
    """A pipeline with a transformer that predicts velocities.

    On the straight way from a picture x0 to noise, ``x_t = (1 - s) x0 + s noise`` with ``s = t / 1000``, the velocity
    is ``v = noise - x0``. It is affine in the noise at one x_t, so targets that are sums of predictions whose
    coefficients add to one mean the same for both.
    """

    denoiser_name: ClassVar[str] = "transformer"
    timesteps = LEVELS

    def __init__(self, pipe: Any, text_encoders: Sequence[TextEncoder], latent_shape: tuple[int, int, int]) -> None:
        super().__init__(pipe, text_encoders)
        self.transformer = pipe.transformer
        self.latent_shape = latent_shape

    def add_noise(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """``(1 - t/1000) x0 + t/1000 noise`` (n, c, h, w), for timesteps t (n,)."""
        level = self._level(t, x0)
        return (1 - level) * x0 + level * noise

    def predict_noise(self, x_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The noise (n, c, h, w) at the end of the straight way through x_t at t (n,): ``x_t + (1 - s) v``."""
        return x_t + (1 - self._level(t, x_t)) * self.predict(x_t, t, condition)

    def scheduler(self, steps: int, device: torch.device) -> Any:
        """A fresh copy of the pipeline's scheduler with its timesteps set for pictures of the model's own size."""
        settings: dict[str, Any] = {}
        config = self.pipe.scheduler.config
        if config.get("use_dynamic_shifting"):
            settings["mu"] = self._shift(config, steps)
        sigmas = self._sigmas(steps)
        if sigmas is not None and not config.get("use_flow_sigmas"):
            settings["sigmas"] = sigmas
        return sampling.fresh_scheduler(self.pipe.scheduler, steps, device, **settings)

    def _sigmas(self, steps: int) -> Any:
        """Noise levels before shifting, from 1 to 1 / steps; None leaves them to the scheduler."""
        return np.linspace(1.0, 1 / steps, steps)

    def _shift(self, config: Any, steps: int) -> float:
        """The logarithm of the shift of noise levels, linear in the number of picture tokens (2 x 2 latents each)."""
        _, height, width = self.latent_shape
        low, high = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
        least, most = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
        slope = (most - least) / (high - low)
        return float(least + slope * (height * width // 4 - low))

    def _level(self, t: Tensor, like: Tensor) -> Tensor:
        return (torch.as_tensor(t).to(like) / LEVELS).reshape(-1, 1, 1, 1)
