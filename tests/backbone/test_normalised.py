"""Latents that are normalised by channel are the pipelines' own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.loading import backbone_of
from tests.models import HAS_FLUX2_KLEIN, HAS_QWEN_IMAGE, tiny_flux2_klein, tiny_qwen_image


def picture(side: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8))


def comes_back(model: Backbone) -> None:
    """The autoencoder's own latents are found again in those that the denoiser sees."""
    latents = torch.randn(2, *model.latent_shape, generator=torch.Generator().manual_seed(0))
    decoded: list[torch.Tensor] = []
    own = model.vae.decode

    def decode(z: torch.Tensor, return_dict: bool) -> Any:
        decoded.append(z)
        return own(z, return_dict=return_dict)

    model.vae.decode = decode
    model.decode(latents)
    again, _ = model.autoencoder._scaled(decoded[0], torch.ones_like(decoded[0]))
    torch.testing.assert_close(again, latents, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(not HAS_FLUX2_KLEIN, reason="this diffusers has no FLUX.2 [klein]")
def test_squares_of_flux2() -> None:
    model = backbone_of(tiny_flux2_klein(layers=27))
    assert model.autoencoder.side == 4
    mean, std = model.encode_images([picture(32)])
    pixels = model.pipe.image_processor.preprocess([picture(32)])
    torch.testing.assert_close(mean, model.pipe._encode_vae_image(pixels, torch.Generator()))
    # what is drawn from the distribution is normalised as its mean is
    with torch.no_grad():
        spread = model.vae.encode(pixels).latent_dist.std
    first = (model.vae.bn.running_var[0] + model.vae.config.batch_norm_eps).sqrt()
    torch.testing.assert_close(std[0, 0], spread[0, 0, ::2, ::2] / first)
    comes_back(model)


@pytest.mark.skipif(not HAS_QWEN_IMAGE, reason="this diffusers has no Qwen-Image")
def test_films_of_qwen_image() -> None:
    model = backbone_of(tiny_qwen_image())
    assert model.autoencoder.side == 2
    mean, std = model.encode_images([picture(16)])
    pixels = model.pipe.image_processor.preprocess([picture(16)])
    with torch.no_grad():
        posterior = model.vae.encode(pixels[:, :, None]).latent_dist
    config = model.vae.config
    for channel in range(4):
        middle, spread = config.latents_mean[channel], config.latents_std[channel]
        torch.testing.assert_close(mean[0, channel], (posterior.mean[0, channel, 0] - middle) / spread)
        torch.testing.assert_close(std[0, channel], posterior.std[0, channel, 0] / spread)
    comes_back(model)
