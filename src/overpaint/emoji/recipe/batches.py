"""What the denoiser learns from: pictures with captions, at noise levels where the text matters.

Half of the times are drawn from the noisy end, since elsewhere the noisy picture says all by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler
from torch import Tensor
from torch.utils.data import Dataset
from transformers import CLIPTokenizer

from overpaint.emoji.captions import sample
from overpaint.emoji.palette import BACKGROUNDS
from overpaint.emoji.recipe import tokenizer as pieces
from overpaint.emoji.recipe.latents import cache_latents
from overpaint.emoji.recipe.loop import StepRandom
from overpaint.emoji.recipe.render import Pictures
from overpaint.emoji.vocabulary import Vocabulary

__all__ = ["Batch", "Batches", "noise_schedule"]

WHITE_SHARE = 0.65
NOISY_FROM = 600
EMPTY_SHARE = 0.1


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


@dataclass(frozen=True)
class Batch:
    """Noisy latents and noise ``(n, 16, 8, 8)``, times ``(n,)``, token ids of the captions ``(n, 24)``."""

    noisy: Tensor
    noise: Tensor
    times: Tensor
    ids: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(*(tensor.to(device) for tensor in (self.noisy, self.noise, self.times, self.ids)))


@dataclass(frozen=True)
class Batches(Dataset[Batch]):
    """Batch number k is the same whenever and wherever it is drawn, so that worker processes may draw ahead.

    Attributes:
        latents: ``(backgrounds, pictures, 16, 8, 8)`` float16, see `cache_latents`.
        size: pictures per batch, even.
    """

    pictures: Pictures
    vocabulary: Vocabulary
    tokenizer: CLIPTokenizer
    latents: np.ndarray
    seed: int
    size: int
    alphas: Tensor = field(default_factory=lambda: noise_schedule().alphas_cumprod)

    @classmethod
    def load(cls, work: Path, seed: int, size: int, device: torch.device) -> Batches:
        """Everything from the work folder; latents are made on ``device`` if they are missing."""
        return cls(Pictures.load(work), Vocabulary.load(), pieces.load(work), cache_latents(work, device), seed, size)

    def __getitem__(self, step: int) -> Batch:
        """Random pictures with captions, times stratified: half over all times, half over the noisy end."""
        random = StepRandom.of(self.seed, step)
        rng, pictures, size = random.numpy, self.pictures, self.size
        index = rng.integers(len(pictures), size=size)
        background = np.where(rng.random(size) < WHITE_SHARE, 0, rng.integers(1, len(BACKGROUNDS), size=size))
        texts = [
            sample(rng, self.vocabulary, int(pictures.concept[k]), int(pictures.style[k]), int(b))
            for k, b in zip(index, background, strict=True)
        ]
        texts = [text if keep else "" for text, keep in zip(texts, rng.random(size) >= EMPTY_SHARE, strict=True)]
        clean = torch.from_numpy(self.latents[background, index]).float()
        even = (np.arange(size) + rng.random(size)) / size
        early, late = 2000 * even, NOISY_FROM + (1000 - NOISY_FROM) * (2 * even - 1)
        times = torch.from_numpy(np.where(even < 0.5, early, late).astype(np.int64))
        noise = torch.randn(clean.shape, generator=random.torch)
        alpha = self.alphas[times].view(-1, 1, 1, 1)
        ids = self.tokenizer(
            texts, padding="max_length", max_length=pieces.WINDOW, truncation=True, return_tensors="pt"
        ).input_ids
        return Batch(alpha.sqrt() * clean + (1 - alpha).sqrt() * noise, noise, times, ids)
