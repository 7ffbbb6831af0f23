"""Batches of the denoiser: noise levels match their times, and texts reach the network."""

import numpy as np
import torch
from diffusers import UNet2DConditionModel

from overpaint.emoji.recipe import denoiser
from overpaint.emoji.recipe.denoiser import World, draw, errors, noise_schedule
from overpaint.emoji.recipe.loop import StepRandom
from overpaint.emoji.recipe.render import Pictures
from overpaint.emoji.vocabulary import Vocabulary


class Words:
    """Stands for the tokenizer: one number per text."""

    def __call__(self, texts, **_):
        self.texts = texts
        return type("Encoded", (), {"input_ids": torch.tensor([[len(text)] for text in texts])})


def world() -> World:
    rng = np.random.default_rng(0)
    pictures = Pictures(np.zeros((5, 64, 64, 4), np.uint8), np.arange(5, dtype=np.int16), np.zeros(5, dtype=np.int8))
    latents = rng.standard_normal((12, 5, 16, 8, 8)).astype(np.float16)
    tower = lambda ids: (ids.float()[:, :, None].expand(-1, 24, 8),)  # noqa: E731
    return World(pictures, Vocabulary.load(), Words(), tower, latents, noise_schedule().alphas_cumprod)


def test_the_latents_carry_the_noise_that_their_times_say():
    here = world()
    batch = draw(here, StepRandom.of(0, 0), 64)
    alpha = here.alphas[batch.times].view(-1, 1, 1, 1)
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
    assert late[0] >= denoiser.NOISY_FROM
    assert late[-1] >= 987


def test_about_one_caption_in_ten_is_empty_and_a_step_repeats_exactly():
    here = world()
    first = draw(here, StepRandom.of(3, 7), 512)
    empty = sum(text == "" for text in here.tokenizer.texts) / 512
    assert abs(empty - denoiser.EMPTY_SHARE) < 0.05
    again = draw(here, StepRandom.of(3, 7), 512)
    assert torch.equal(first.noisy, again.noisy)
    assert torch.equal(first.states, again.states)


def test_the_shape_is_that_of_a_stock_denoiser_which_reads_its_text():
    model = UNet2DConditionModel.from_config(
        {**denoiser.build().config, "cross_attention_dim": 8, "block_out_channels": (32, 32)}
    )
    batch = draw(world(), StepRandom.of(0, 1), 4)
    error = errors(model, batch)
    assert error.shape == (4,)
    error.sum().backward()
    reading = [
        p.grad.abs().sum() for name, p in model.named_parameters() if "attn2.to_k" in name or "attn2.to_v" in name
    ]
    assert reading
    assert all(gradient > 0 for gradient in reading)
