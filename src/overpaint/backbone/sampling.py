"""Sampling with classifier-free guidance, one seed per image.

The loop is that of diffusers' `StableDiffusionPipeline`, with two differences: every image has a generator of its own,
so that it does not depend on what else is in the batch, and the scheduler is a copy, so that the pipeline's is left as
it was.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.condition import Condition
from overpaint.errors import BackboneError

__all__ = ["default_batch", "fresh_scheduler", "generators", "in_halves", "initial_noise", "sample"]

_HALVES: ContextVar[bool] = ContextVar("halves", default=False)


def in_halves() -> bool:
    """Whether `sample` is asking a denoiser for both predictions of guidance in one batch."""
    return _HALVES.get()


@contextmanager
def _halves(so: bool) -> Iterator[None]:
    token = _HALVES.set(so)
    try:
        yield
    finally:
        _HALVES.reset(token)


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """One generator per image, on the CPU whatever the device, so that pictures agree between machines."""
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


def initial_noise(shape: tuple[int, ...], sources: Sequence[torch.Generator]) -> Tensor:
    """Standard normal latents (n, *shape), float32: one draw from each generator."""
    return torch.stack([torch.randn(shape, generator=source) for source in sources])


def fresh_scheduler(scheduler: Any, steps: int, device: torch.device, **settings: Any) -> Any:
    """A copy of the scheduler, its timesteps set; schedulers carry state from step to step, and forget it there.

    Raises:
        BackboneError: the scheduler has fewer timesteps than that; it says how many.
    """
    # not from_config: it falls back to defaults for settings that the pipeline mended after construction
    fresh = copy.deepcopy(scheduler)
    try:
        fresh.set_timesteps(steps, device=device, **settings)
    except ValueError as error:
        most = scheduler.config.num_train_timesteps
        if steps <= most:
            raise
        raise BackboneError(f"{steps} sampling steps: the model has {most}; ask for at most that many") from error
    return fresh


def default_batch(latent_shape: tuple[int, ...], device: torch.device) -> int:
    """Images drawn at once: 32 of 16x16 latents on a CPU, 2 of 64x64; eight times as many elsewhere."""
    budget = 8192 if device.type == "cpu" else 65536
    return max(1, min(64, budget // (latent_shape[-2] * latent_shape[-1])))


@torch.no_grad()
def sample(
    denoise: Callable[[Tensor, Tensor, Condition], Tensor],
    scheduler: Any,
    conditions: Condition,
    empty: Condition,
    seeds: Sequence[int],
    latent_shape: tuple[int, ...],
    combined: Callable[[Tensor, Tensor], Tensor] | None,
    advance: Callable[[float], None] = lambda share: None,
    prompts_first: bool = False,
) -> Tensor:
    """One batch of latents (n, *latent_shape).

    ``denoise(x, t, conditions)`` is the network's raw output for inputs (m, ...), one timestep and m conditions;
    ``conditions`` are those of the n prompts and ``empty`` the one of the negative prompt. ``scheduler`` is fresh, its
    timesteps set. ``combined`` makes one output of those without and along the prompts (guidance); None asks along them
    alone, which costs half as much. ``advance`` hears after every step which share of the work it was; the shares add
    to 1. ``prompts_first``: they are asked for in the first half of a batch.
    """
    sources = generators(seeds)
    noise = initial_noise(latent_shape, sources).to(conditions.states)
    x = noise * getattr(scheduler, "init_noise_sigma", 1.0)
    if combined is not None:
        halves = [empty.repeat(len(conditions)), conditions]
        conditions = Condition.join(halves[::-1] if prompts_first else halves)
    # stochastic schedulers draw fresh noise in each step: from the image's own generator
    draws = {"generator": sources} if "generator" in inspect.signature(scheduler.step).parameters else {}
    for t in scheduler.timesteps:
        inputs = x if combined is None else torch.cat([x, x])
        if hasattr(scheduler, "scale_model_input"):  # schedulers of flow matching have nothing to scale
            inputs = scheduler.scale_model_input(inputs, t)
        with _halves(combined is not None):
            out = denoise(inputs, t, conditions).to(x)  # guidance and steps in the latents' own precision
        if combined is not None:
            first, second = out.chunk(2)
            out = combined(second, first) if prompts_first else combined(first, second)
        x = scheduler.step(out, t, x, **draws, return_dict=False)[0]
        advance(1 / len(scheduler.timesteps))
    return x
