"""A probe without text, in the manner of TINA (arXiv 2403.19858): the noise from which the model draws a given picture.

A picture of the concept is inverted through the edited model told nothing, each step solved exactly instead of
approximated, and sampled back the same way. Sampling without randomness is invertible for any smooth network, one that
knows nothing included: read this figure beside its control, and the length of the noise beside 1, that of the noise
which the model draws from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from overpaint.backbone.backbone import Backbone
from overpaint.bench.attacks.attack import Attack, Attempt, Target
from overpaint.bench.attacks.ddim import invert, levels, sample
from overpaint.methods.work import Work
from overpaint.progress import Progress

__all__ = ["LatentInversion"]


@dataclass(frozen=True)
class LatentInversion(Attack):
    """Every given picture, inverted and sampled back under the empty prompt, without guidance.

    Attributes:
        steps: of the way there, and of the way back.
        iterations: evaluations that every step of the way there is solved with.
    """

    name: ClassVar[str] = "latent inversion"
    adaptive: ClassVar[bool] = True
    controlled: ClassVar[bool] = True

    steps: int = 20
    iterations: int = 8

    def attempts(self, backbone: Backbone, target: Target, seed: int, progress: Progress) -> list[Attempt]:
        """See `Attack`."""
        pictures = target.pictures[: self.pictures]
        x0 = backbone.encode_images(pictures)[0].float()
        condition = backbone.encode([""]).repeat(len(x0))
        way = levels(backbone, self.steps)
        passes = len(x0) * self.steps * (self.iterations + 1)
        with progress.task("inverting pictures", total=passes, unit="pass") as advance:
            noise = invert(backbone, x0, condition, way, self.iterations, advance)
            back = torch.nan_to_num(sample(backbone, noise, condition, way, advance))
        length = noise.flatten(1).square().mean(dim=1).sqrt()
        error = (back - x0).flatten(1).square().mean(dim=1).sqrt()
        return [
            Attempt(
                f"[noise of picture {number + 1}]",
                0,
                latents=back[number],
                measured={"noise length": float(length[number]), "inversion error": float(error[number])},
            )
            for number in range(len(x0))
        ]

    @property
    def work(self) -> Work:
        """See `Attack`."""
        return Work(evaluations=self.pictures * self.steps * (self.iterations + 1))
