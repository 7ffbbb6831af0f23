"""Stage 3: the autoencoder, 64x64 pictures to 8x8x16 latents (factor 8, as Stable Diffusion's).

Loss: L1 + 0.5 L1 of Sobel edges (emoji are edges) + a small KL. When it is done the encoder is frozen for good, since
the denoiser learns its latents.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn import functional as F

from overpaint.emoji.palette import BACKGROUNDS
from overpaint.emoji.recipe import figures
from overpaint.emoji.recipe.loop import Stage, StepRandom, one_cycle, run
from overpaint.emoji.recipe.optimizer import HybridMuon
from overpaint.emoji.recipe.render import Pictures, composite

__all__ = ["SEED", "build", "load", "psnr", "to_tensor", "train"]

SEED = 101
BATCH = 32


def build() -> AutoencoderKL:
    """A fresh autoencoder: 16 latent channels, small at full resolution where pixels are many."""
    widths = (16, 16, 48, 96)
    return AutoencoderKL(
        block_out_channels=widths,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        layers_per_block=1,
        latent_channels=16,
        norm_num_groups=8,
        sample_size=64,
        mid_block_add_attention=False,
    )


def to_tensor(images: np.ndarray) -> Tensor:
    """``(n, h, w, 3)`` uint8 to ``(n, 3, h, w)`` float32 in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def edges(images: Tensor) -> Tensor:
    """Sobel gradients of every channel, both directions: ``(n, c, h, w)`` to ``(n, 2 c, h, w)``."""
    kernel = images.new_tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]]) / 4
    channels = images.shape[1]
    weight = torch.stack([kernel, kernel.T]).repeat(channels, 1, 1)[:, None]
    return F.conv2d(images, weight, padding=1, groups=channels)


def reconstruction_loss(output: Tensor, target: Tensor) -> Tensor:
    """L1 of pixels plus half the L1 of edges."""
    return F.l1_loss(output, target) + 0.5 * F.l1_loss(edges(output), edges(target))


def batch(pictures: Pictures, random: StepRandom, size: int = BATCH) -> Tensor:
    """Random pictures on white, named or arbitrary backgrounds, shifted by up to 4 pixels and flipped half the time."""
    rng = random.numpy
    index = rng.integers(len(pictures.rgba), size=size)
    colours = np.array([rgb for rgb in BACKGROUNDS.values()], dtype=np.uint8)
    named = colours[rng.integers(len(colours), size=size)]
    arbitrary = rng.integers(0, 256, size=(size, 3)).astype(np.uint8)
    kind = rng.random(size)[:, None]
    background = np.where(kind < 0.4, np.uint8(255), np.where(kind < 0.85, named, arbitrary))
    images = []
    for position, colour in zip(index, background, strict=True):
        picture = np.roll(pictures.rgba[position], rng.integers(-4, 5, size=2), axis=(0, 1))
        images.append(composite(picture[None, :, :: rng.choice([-1, 1])], colour)[0])
    return to_tensor(np.stack(images))


def train(work: Path, steps: int, device: torch.device) -> AutoencoderKL:
    """Train (or go on training) the autoencoder and return it with its latents centred and ``scaling_factor`` set."""
    torch.manual_seed(SEED)
    pictures = Pictures.load(work)
    model = build().to(device, memory_format=torch.channels_last)
    optimizer = HybridMuon(model, lr=4e-3, plain=("conv_in", "conv_out"))

    def loss(step: int, random: StepRandom) -> tuple[Tensor, dict[str, float]]:
        images = batch(pictures, random).to(device, memory_format=torch.channels_last)
        posterior = model.encode(images).latent_dist
        output = model.decode(posterior.sample(random.torch)).sample
        kl = posterior.kl().mean() / posterior.mean[0].numel()
        error = (output - images).square().mean() / 4
        value = reconstruction_loss(output, images) + 5e-4 * kl
        return value, {"kl": kl.item(), "psnr": -10 * torch.log10(error).item()}

    stage = Stage("autoencoder", model, optimizer, loss, steps, BATCH, lambda s: one_cycle(s, steps), SEED)
    run(stage, work)
    _standardise(model, pictures)
    model.save_pretrained(work / "autoencoder")
    clean = to_tensor(composite(pictures.rgba[:: len(pictures.rgba) // 500], BACKGROUNDS["white"])).to(device)
    figures.record(work, "autoencoder", {"pictures": stage.done * BATCH, "psnr_db": round(psnr(model, clean), 2)})
    return model


@torch.no_grad()
def _standardise(model: AutoencoderKL, pictures: Pictures) -> None:
    """Centre every latent channel inside the 1x1 convolutions around the latents and record their common scale.

    Exact: what is taken from ``quant_conv``'s bias is given back by ``post_quant_conv``'s.
    """
    latents = torch.cat(
        [
            model.encode(batch(pictures, StepRandom.of(SEED + 1, k), 64).to(model.device)).latent_dist.mean
            for k in range(16)
        ]
    )
    quant, post = model.quant_conv, model.post_quant_conv
    assert isinstance(quant, nn.Conv2d)
    assert isinstance(post, nn.Conv2d)
    assert quant.bias is not None
    mean = latents.mean(dim=(0, 2, 3))
    quant.bias[: len(mean)] -= mean
    assert post.bias is not None
    post.bias += post.weight[:, :, 0, 0] @ mean
    model.register_to_config(scaling_factor=1 / latents.sub(mean[None, :, None, None]).std().item())


def load(work: Path) -> AutoencoderKL:
    """The trained autoencoder of ``work``, frozen."""
    return AutoencoderKL.from_pretrained(work / "autoencoder").eval().requires_grad_(False)


@torch.no_grad()
def psnr(model: AutoencoderKL, images: Tensor) -> float:
    """Mean peak signal-to-noise ratio in dB of reconstructions of ``(n, 3, 64, 64)`` images in [-1, 1]."""
    output = model.decode(model.encode(images).latent_dist.mean).sample.clamp(-1, 1)
    return (-10 * torch.log10((output - images).square().mean(dim=(1, 2, 3)) / 4)).mean().item()
