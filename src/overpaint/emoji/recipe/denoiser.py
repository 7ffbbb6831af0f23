"""Stage 7: the denoiser, with Stable Diffusion's noise schedule and epsilon prediction on the frozen tower's states.

Loss: mean squared error of the noise, weighted by min-SNR with gamma 5 (Hang et al., arXiv 2303.09556) and a floor. The
floor matters: 1,024 latent numbers tell one picture of 100,000 from another at a signal-to-noise ratio of 0.03 already,
so only beyond that does the text decide anything, and there plain weights hardly count the picture. One caption in ten
is empty, for classifier-free guidance.

The longest stage: it may be stopped, resumed, and started again from shipped weights alone with a fresh optimiser.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import CLIPTextModel

from overpaint.backbone.precision import has_fast_halves
from overpaint.emoji.recipe import figures, text_tower
from overpaint.emoji.recipe.batches import Batch, Batches, noise_schedule
from overpaint.emoji.recipe.half_pass import half_pass
from overpaint.emoji.recipe.loop import Stage, StepRandom, one_cycle, run
from overpaint.emoji.recipe.optimizer import HybridMuon

__all__ = ["build", "errors", "text_gain", "train"]

log = logging.getLogger(__name__)
SEED = 303
CHECK_AFTER, MINIMAL_GAIN = 500, 0.005
WARMUP = 150
LEAST_SNR, MOST_SNR = 0.2, 5.0


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


def errors(model: Callable[..., UNet2DConditionOutput], batch: Batch, states: Tensor) -> Tensor:
    """Mean squared error of the noise predicted for text states ``(n, 24, 256)``, ``(n,)``."""
    noisy = batch.noisy.to(memory_format=torch.channels_last)
    return (model(noisy, batch.times, states).sample.float() - batch.noise).square().mean(dim=(1, 2, 3))


@torch.no_grad()
def text_gain(model: UNet2DConditionModel, tower: CLIPTextModel, batch: Batch) -> float:
    """By what share the error of the clean latents falls when captions are right instead of shuffled.

    A model that learns no text (as one trained through a miscompiled attention does) stays at zero.
    """
    alpha = noise_schedule().alphas_cumprod.to(batch.times.device)[batch.times]
    states = tower(batch.ids)[0]
    right, wrong = ((errors(model, batch, s) * (1 - alpha) / alpha).mean().item() for s in (states, states.roll(1, 0)))
    return 1 - right / wrong


def train(
    work: Path,
    steps: int,
    device: torch.device,
    *,
    batch: int = 96,
    rate: float = 2e-3,
    workers: int = 0,
    start: Path | None = None,
) -> UNet2DConditionModel:
    """Train (or go on training) the denoiser for ``steps`` steps in all and save its average to ``<work>/unet``.

    Args:
        batch: pictures per step.
        workers: processes that draw batches ahead; worth it where the device is faster than the tokenizer.
        start: a diffusers folder to begin from when no checkpoint exists, e.g. shipped weights.
    """
    torch.manual_seed(SEED)
    batches = Batches.load(work, SEED, batch, device)
    tower = text_tower.load(work).to(device)
    model = build() if start is None else UNet2DConditionModel.from_pretrained(start, torch_dtype=torch.float32)
    if device.type == "cpu":
        # The fused attention kernel is slower there than plain products on so few positions.
        model.set_attn_processor(AttnProcessor())
    model.to(device, memory_format=torch.channels_last)
    fast = has_fast_halves(device)
    forward = half_pass(model) if fast else model
    optimizer = HybridMuon(model, lr=rate, plain=("conv_in", "conv_out", "time_embedding"), halves=fast)
    alphas = noise_schedule().alphas_cumprod.to(device)
    ahead: Iterator[Batch] | None = None

    def loss(step: int, random: StepRandom) -> tuple[Tensor, dict[str, float]]:
        nonlocal ahead
        if ahead is None:
            ahead = iter(DataLoader(batches, batch_size=None, sampler=range(step, steps), num_workers=workers))
        here = next(ahead).to(device)
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=fast):
            states = tower(here.ids)[0]
        error = errors(forward, here, states)
        snr = alphas[here.times] / (1 - alphas[here.times])
        # In the picture's own units the late half's error is that of the clean latents, of variance one.
        late = (error / snr)[batch // 2 :].mean().item()
        return (error * snr.clamp(LEAST_SNR, MOST_SNR) / snr).mean(), {"late_clean_error": late}

    def cycle(step: int) -> float:
        return one_cycle(step, steps, warmup=min(0.05, WARMUP / steps), cooldown=0.5, floor=0.05)

    stage = Stage("denoiser", model, optimizer, loss, steps, batch, cycle, SEED, ema=0.9985)
    before = 0 if start is None else figures.shipped_samples()
    probe = _late_half(replace(batches, seed=SEED + 1, size=256)[0].to(device))

    def publish(stage: Stage) -> None:
        averaged = build().to(device)
        averaged.load_state_dict(stage.averaged)
        gain = text_gain(averaged, tower, probe)
        averaged.cpu().save_pretrained(work / "unet")
        figures.record(work, "denoiser", {"samples": before + stage.done * batch, "text_gain": round(gain, 4)})
        log.info("denoiser: right captions beat shuffled ones by %.1f %% at noisy times", 100 * gain)
        if stage.done > CHECK_AFTER and gain < MINIMAL_GAIN:
            raise RuntimeError(f"the denoiser does not read its text: gain {gain:.4f} after {stage.done} steps")

    run(stage, work, publish)
    return UNet2DConditionModel.from_pretrained(work / "unet")


def _late_half(batch: Batch) -> Batch:
    half = len(batch.times) // 2
    return Batch(batch.noisy[half:], batch.noise[half:], batch.times[half:], batch.ids[half:])
