"""A random model that denoises one picture well if, and only if, it is told one text: a concept that was planted."""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image
from torch import Tensor

from overpaint.backbone.condition import Condition
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.bench.attacks.attack import Target
from tests.models import tiny_sd

WINDOW = 20


def picture() -> Image.Image:
    """Some picture of the tiny models' size."""
    torch.manual_seed(3)
    return Image.fromarray((255 * torch.rand(16, 16, 3)).byte().numpy())


def target(**known: Any) -> Target:
    """A hen, with a picture."""
    return Target("hen", "erase:hen", "hen", pictures=[picture()], **known)


class Planted(StableDiffusion):
    """Knows the picture by heart; what it is told adds an error that is nil for the planted condition alone."""

    def __init__(self, pipe: Any | None = None) -> None:
        super().__init__(pipe or tiny_sd(window=WINDOW))
        self.x0 = self.encode_images([picture()])[0]
        self.wanted = self.encode(["a hen"])

    def predict_noise(self, x_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        one = torch.ones(1, 1, 1, 1)
        signal, sigma = self.add_noise(one, 0 * one, t), self.add_noise(0 * one, one, t)
        error = (condition.states - self.wanted.states)[:, -8:].reshape(x_t.shape)  # 8 x 32 numbers, as latents have
        return (x_t - signal * self.x0) / sigma + error
