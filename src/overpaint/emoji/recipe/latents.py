"""Every picture on every background through the frozen encoder, once: what the denoiser learns from."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL

from overpaint.emoji.palette import BACKGROUNDS
from overpaint.emoji.recipe import autoencoder
from overpaint.emoji.recipe.render import Pictures, composite
from overpaint.files import replacing

__all__ = ["cache_latents"]

log = logging.getLogger(__name__)


@torch.no_grad()
def cache_latents(work: Path, device: torch.device) -> np.ndarray:
    """Latents of every picture on every background, ``(backgrounds, n, 16, 8, 8)`` float16, kept in the work folder."""
    path = work / "latents.npy"
    model: AutoencoderKL = autoencoder.load(work).to(device)
    pictures = Pictures.load(work)
    if not path.exists() or path.stat().st_mtime < (work / "autoencoder" / "config.json").stat().st_mtime:
        began = time.monotonic()
        rows = []
        for colour in BACKGROUNDS.values():
            for begin in range(0, len(pictures.rgba), 128):
                images = composite(pictures.rgba[begin : begin + 128], np.array(colour, dtype=np.uint8))
                latents = (
                    model.encode(autoencoder.to_tensor(images).to(device)).latent_dist.mean
                    * model.config.scaling_factor
                )
                rows.append(latents.cpu().numpy().astype(np.float16))
        cached = np.concatenate(rows).reshape(len(BACKGROUNDS), len(pictures.rgba), 16, 8, 8)
        with replacing(path) as temporary:
            np.save(temporary, cached)
        log.info("latents: %s in %.0f s", cached.shape, time.monotonic() - began)
    return np.load(path)
