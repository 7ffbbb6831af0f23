"""Given pictures as noisy latents, to erase what they show (ESD, section 5.4: memorised works of art)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.sampling import generators
from overpaint.methods.pictures import read_pictures

__all__ = ["noised"]


def noised(backbone: Backbone, paths: Sequence[Path], source: str, seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Noisy latents (n, c, h, w) and their timesteps (n,), float32: one of the pictures, uniformly, for each seed.

    x_0 is from the autoencoder's posterior, t uniform.

    Raises:
        PlanError: a picture cannot be read.
    """
    pictures = read_pictures(paths, source)
    mean, std = (part.cpu() for part in backbone.encode_images(pictures))
    x, times = [], []
    for source_of_noise in generators(seeds):
        which = int(torch.randint(len(pictures), (1,), generator=source_of_noise))
        t = torch.randint(backbone.timesteps, (1,), generator=source_of_noise)
        posterior, noise = torch.randn((2, *mean.shape[1:]), generator=source_of_noise).to(mean)
        x.append(backbone.add_noise((mean[which] + std[which] * posterior)[None], noise[None], t))
        times.append(t.float())
    return torch.cat(x), torch.cat(times)
