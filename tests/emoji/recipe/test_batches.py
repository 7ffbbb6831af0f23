"""Batches of the denoiser: noise levels match their times, and batch k is batch k wherever it is drawn."""

from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from overpaint.emoji.recipe import batches
from overpaint.emoji.recipe.batches import Batches, noise_schedule
from overpaint.emoji.recipe.render import Pictures
from overpaint.emoji.vocabulary import Vocabulary


class Words:
    """Stands for the tokenizer: one number per text."""

    def __call__(self, texts: list[str], **_: Any) -> Any:
        return type("Encoded", (), {"input_ids": torch.tensor([[len(text)] for text in texts])})


def world(size: int, seed: int = 0) -> Batches:
    rng = np.random.default_rng(0)
    pictures = Pictures(np.zeros((5, 64, 64, 4), np.uint8), np.arange(5, dtype=np.int16), np.zeros(5, dtype=np.int8))
    latents = rng.standard_normal((12, 5, 16, 8, 8)).astype(np.float16)
    return Batches(pictures, Vocabulary.load(), Words(), latents, seed, size)


def test_the_latents_carry_the_noise_that_their_times_say() -> None:
    here = world(64)
    batch = here[0]
    alpha = noise_schedule().alphas_cumprod[batch.times].view(-1, 1, 1, 1)
    clean = (batch.noisy - (1 - alpha).sqrt() * batch.noise) / alpha.sqrt()
    known = torch.from_numpy(here.latents.reshape(-1, 16, 8, 8)).float()
    exact = "donot_use_mm_for_euclid_dist"
    distance = torch.cdist(clean.flatten(1), known.flatten(1), compute_mode=exact).amin(dim=1)
    assert distance.max() < 1e-2
    early, late = batch.times[:32], batch.times[32:]
    assert (early.diff() > 0).all(), "stratified: every part of the schedule in order"
    assert (late.diff() > 0).all()
    assert early[0] < 32
    assert early[-1] >= 968
    assert late[0] >= batches.NOISY_FROM
    assert late[-1] >= 987


def test_about_one_caption_in_ten_is_empty() -> None:
    empty = (world(512, seed=3)[7].ids == 0).float().mean().item()
    assert abs(empty - batches.EMPTY_SHARE) < 0.05


def test_drawn_ahead_or_not_batch_k_is_the_same() -> None:
    here = world(8, seed=5)
    ahead = list(DataLoader(here, batch_size=None, sampler=range(3, 6), num_workers=1))
    for step, batch in zip(range(3, 6), ahead, strict=True):
        assert torch.equal(batch.noisy, here[step].noisy)
        assert torch.equal(batch.ids, here[step].ids)
    assert not torch.equal(here[3].noisy, here[4].noisy)
