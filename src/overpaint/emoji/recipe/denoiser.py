"""Stage 7: the denoiser, with Stable Diffusion's noise schedule and epsilon prediction on the frozen tower's states.

Loss: mean squared error of the noise, weighted by min-SNR with gamma 5 (Hang et al., arXiv 2303.09556) and a floor. The
floor matters: 1,024 latent numbers tell one picture of 100,000 from another at a signal-to-noise ratio of 0.03 already,
so only beyond that does the text decide anything, and there plain weights hardly count the picture. Half of the times
are drawn from the noisy end for the same reason. One caption in ten is empty, for classifier-free guidance.

The longest stage: it may be stopped, resumed, and started again from shipped weights alone with a fresh optimiser.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from overpaint.emoji.captions import sample
from overpaint.emoji.palette import BACKGROUNDS
from overpaint.emoji.recipe import autoencoder, figures, text_tower
from overpaint.emoji.recipe import tokenizer as pieces
from overpaint.emoji.recipe.loop import Stage, StepRandom, one_cycle, run
from overpaint.emoji.recipe.optimizer import HybridMuon
from overpaint.emoji.recipe.render import Pictures, composite
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.files import replacing

__all__ = ["World", "build", "cache_latents", "draw", "errors", "noise_schedule", "text_gain", "train"]

log = logging.getLogger(__name__)
SEED = 303
BATCH = 96
CHECK_AFTER, MINIMAL_GAIN = 500, 0.005
WHITE_SHARE = 0.45
WARMUP = 150
LEAST_SNR, MOST_SNR = 0.2, 5.0
NOISY_FROM = 600
EMPTY_SHARE = 0.1


def build() -> UNet2DConditionModel:
    """A fresh denoiser of 8x8x16 latents: widths 128 and 256, cross-attention at both levels, 17 M parameters."""
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=16,
        out_channels=16,
        block_out_channels=(128, 256),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=256,
        attention_head_dim=(2, 4),
    )


def noise_schedule() -> DDIMScheduler:
    """Stable Diffusion's: scaled linear betas, 1,000 steps, epsilon."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="epsilon",
    )


@torch.no_grad()
def cache_latents(work: Path) -> np.ndarray:
    """Latents of every picture on every background, ``(backgrounds, n, 16, 8, 8)`` float16, kept in the work folder."""
    path = work / "latents.npy"
    model: AutoencoderKL = autoencoder.load(work)
    pictures = Pictures.load(work)
    if not path.exists() or path.stat().st_mtime < (work / "autoencoder" / "config.json").stat().st_mtime:
        began = time.monotonic()
        rows = []
        for colour in BACKGROUNDS.values():
            for begin in range(0, len(pictures.rgba), 128):
                images = composite(pictures.rgba[begin : begin + 128], np.array(colour, dtype=np.uint8))
                latents = model.encode(autoencoder.to_tensor(images)).latent_dist.mean * model.config.scaling_factor
                rows.append(latents.numpy().astype(np.float16))
        cached = np.concatenate(rows).reshape(len(BACKGROUNDS), len(pictures.rgba), 16, 8, 8)
        with replacing(path) as temporary:
            np.save(temporary, cached)
        log.info("latents: %s in %.0f s", cached.shape, time.monotonic() - began)
    return np.load(path)


@dataclass(frozen=True)
class World:
    """What batches are drawn from: pictures and their latents, words, and the frozen text tower."""

    pictures: Pictures
    vocabulary: Vocabulary
    tokenizer: CLIPTokenizer
    tower: CLIPTextModel
    latents: np.ndarray
    alphas: Tensor

    @classmethod
    def load(cls, work: Path) -> World:
        """Everything from the work folder."""
        return cls(
            Pictures.load(work),
            Vocabulary.load(),
            pieces.load(work),
            text_tower.load(work),
            cache_latents(work),
            noise_schedule().alphas_cumprod,
        )


@dataclass(frozen=True)
class Batch:
    """Noisy latents and noise ``(n, 16, 8, 8)``, times ``(n,)``, text states ``(n, 24, 256)``."""

    noisy: Tensor
    noise: Tensor
    times: Tensor
    states: Tensor


@torch.no_grad()
def draw(world: World, random: StepRandom, size: int = BATCH) -> Batch:
    """Random pictures with captions at stratified times: half of each batch over all times, half over the noisy end."""
    rng, pictures = random.numpy, world.pictures
    index = rng.integers(len(pictures.concept), size=size)
    background = np.where(rng.random(size) < WHITE_SHARE, 0, rng.integers(1, len(BACKGROUNDS), size=size))
    texts = [
        sample(rng, world.vocabulary, int(pictures.concept[k]), int(pictures.style[k]), int(b))
        for k, b in zip(index, background, strict=True)
    ]
    texts = [text if keep else "" for text, keep in zip(texts, rng.random(size) >= EMPTY_SHARE, strict=True)]
    clean = torch.from_numpy(world.latents[background, index]).float()
    even = (np.arange(size) + rng.random(size)) / size
    early, late = 2000 * even, NOISY_FROM + (1000 - NOISY_FROM) * (2 * even - 1)
    times = torch.from_numpy(np.where(even < 0.5, early, late).astype(np.int64))
    noise = torch.randn(clean.shape, generator=random.torch)
    alpha = world.alphas[times].view(-1, 1, 1, 1)
    ids = world.tokenizer(
        texts, padding="max_length", max_length=pieces.WINDOW, truncation=True, return_tensors="pt"
    ).input_ids
    return Batch(alpha.sqrt() * clean + (1 - alpha).sqrt() * noise, noise, times, world.tower(ids)[0])


def errors(model: UNet2DConditionModel, batch: Batch) -> Tensor:
    """Mean squared error of the predicted noise, ``(n,)``."""
    noisy = batch.noisy.to(memory_format=torch.channels_last)
    return (model(noisy, batch.times, batch.states).sample - batch.noise).square().mean(dim=(1, 2, 3))


def clean_errors(model: UNet2DConditionModel, batch: Batch, alphas: Tensor) -> Tensor:
    """`errors` in the units of clean latents (variance one), ``(n,)``."""
    alpha = alphas[batch.times]
    return errors(model, batch) * (1 - alpha) / alpha


@torch.no_grad()
def text_gain(model: UNet2DConditionModel, world: World) -> float:
    """By what share the error of the clean latents falls at noisy times when captions are right instead of shuffled.

    A model that learns no text (as one trained through a miscompiled attention does) stays at zero.
    """
    whole = draw(world, StepRandom.of(SEED + 1, 0), 128)
    late = slice(64, 128)
    right = Batch(whole.noisy[late], whole.noise[late], whole.times[late], whole.states[late])
    shuffled = replace(right, states=right.states.roll(1, 0))
    wrong = clean_errors(model, shuffled, world.alphas).mean()
    return 1 - (clean_errors(model, right, world.alphas).mean() / wrong).item()


def train(work: Path, steps: int, rate: float = 2e-3, start: Path | None = None) -> UNet2DConditionModel:
    """Train (or go on training) the denoiser for ``steps`` steps in all and save its average to ``<work>/unet``.

    Args:
        start: a diffusers folder to begin from when no checkpoint exists, e.g. shipped weights.
    """
    torch.manual_seed(SEED)
    world = World.load(work)
    model = build() if start is None else UNet2DConditionModel.from_pretrained(start, torch_dtype=torch.float32)
    # The fused attention kernel is slower than plain products on so few positions.
    model.set_attn_processor(AttnProcessor())
    model.to(memory_format=torch.channels_last)
    optimizer = HybridMuon(model, lr=rate, plain=("conv_in", "conv_out", "time_embedding"))

    def loss(step: int, random: StepRandom) -> tuple[Tensor, dict[str, float]]:
        batch = draw(world, random)
        error = errors(model, batch)
        snr = world.alphas[batch.times] / (1 - world.alphas[batch.times])
        # In the picture's own units the late half's error is that of the clean latents, of variance one.
        late = (error / snr)[BATCH // 2 :].mean().item()
        return (error * snr.clamp(LEAST_SNR, MOST_SNR) / snr).mean(), {"late_clean_error": late}

    def cycle(step: int) -> float:
        return one_cycle(step, steps, warmup=min(0.05, WARMUP / steps), cooldown=0.5, floor=0.05)

    stage = Stage("denoiser", model, optimizer, loss, steps, BATCH, cycle, SEED, ema=0.9985)

    before = 0 if start is None else figures.shipped_samples()

    def publish(stage: Stage) -> None:
        averaged = build()
        averaged.load_state_dict(stage.averaged)
        averaged.save_pretrained(work / "unet")
        gain = text_gain(averaged, world)
        figures.record(work, "denoiser", {"samples": before + stage.done * BATCH, "text_gain": round(gain, 4)})
        log.info("denoiser: right captions beat shuffled ones by %.1f %% at noisy times", 100 * gain)
        if stage.done > CHECK_AFTER and gain < MINIMAL_GAIN:
            raise RuntimeError(f"the denoiser does not read its text: gain {gain:.4f} after {stage.done} steps")

    run(stage, work, publish)
    return UNet2DConditionModel.from_pretrained(work / "unet")
