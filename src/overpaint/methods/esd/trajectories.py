"""Guided sampling that leaves its intermediate latents, and what the network said of them, behind.

Inputs are taken as the network gets them, after the scheduler's scaling and with the timestep it is told, so noise
level and label agree for every scheduler.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from overpaint.backbone import sampling
from overpaint.backbone.backbone import Backbone
from overpaint.backbone.condition import Condition
from overpaint.progress import Advance

__all__ = ["Recording", "arrive", "length", "predictions", "record"]


@dataclass(frozen=True)
class Recording:
    """n trajectories of s steps.

    Attributes:
        x: inputs of the network (n, s, c, h, w).
        t: timesteps (s,), float32: some schedulers use fractions.
        prompted, empty: raw predictions (n, s, c, h, w) for the prompts and for the empty one.
    """

    x: Tensor
    t: Tensor
    prompted: Tensor
    empty: Tensor


class _Arrived(Exception):
    """The sampler stands where it was wanted."""


def record(
    backbone: Backbone,
    conditions: Condition,
    empty: Condition,
    seeds: Sequence[int],
    steps: int,
    guidance: float,
    advance: Advance = lambda count: None,
) -> Recording:
    """Whole trajectories for n conditions and seeds; guidance above 1. ``advance`` hears of each finished one."""
    size = sampling.default_batch(backbone.latent_shape, backbone.device)
    parts: list[tuple[Tensor, ...]] = []
    made: list[tuple[Tensor, Tensor, Tensor]] = []
    times: list[Tensor] = []

    def denoise(inputs: Tensor, t: Tensor, both: Condition) -> Tensor:
        out = backbone.predict(inputs, t, both)
        without, along = out.chunk(2)
        made.append((inputs.chunk(2)[0].cpu(), along.cpu(), without.cpu()))
        times.append(t.float().cpu())
        return out

    for first in range(0, len(seeds), size):
        part = slice(first, first + size)
        made.clear()
        times.clear()
        _walk(backbone, denoise, conditions[part], empty, seeds[part], steps, guidance)
        parts.append(tuple(torch.stack(column, dim=1) for column in zip(*made, strict=True)))
        advance(len(seeds[part]))
    x, along, without = (torch.cat(column) for column in zip(*parts, strict=True))
    return Recording(x, torch.stack(times), along, without)


def arrive(
    backbone: Backbone,
    conditions: Condition,
    empty: Condition,
    seeds: Sequence[int],
    steps: int,
    guidance: float,
    at: int,
) -> tuple[Tensor, Tensor]:
    """Inputs (n, c, h, w) and the timestep, float32, of step ``at`` (0: pure noise): partial trajectories.

    Raises ValueError if there is no such step.
    """
    found: list[tuple[Tensor, Tensor]] = []
    passed = 0

    def denoise(inputs: Tensor, t: Tensor, both: Condition) -> Tensor:
        nonlocal passed
        if passed == at:
            found.append((inputs.chunk(2)[0], t.float()))
            raise _Arrived
        passed += 1
        return backbone.predict(inputs, t, both)

    try:
        _walk(backbone, denoise, conditions, empty, seeds, steps, guidance)
    except _Arrived:
        return found[0]
    raise ValueError(f"a trajectory of {steps} steps has no step {at}")


def length(backbone: Backbone, steps: int) -> int:
    """Evaluations in a trajectory of so many steps: some schedulers take one more."""
    return len(backbone.scheduler(steps, torch.device("cpu")).timesteps)


@torch.no_grad()
def predictions(backbone: Backbone, x: Tensor, t: Tensor, conditions: Condition) -> Tensor:
    """Raw predictions (n, c, h, w) on the CPU for inputs (n, c, h, w), timesteps (n,) and n conditions."""
    size = 2 * sampling.default_batch(backbone.latent_shape, backbone.device)
    made = []
    for i in range(0, len(x), size):
        part = slice(i, i + size)
        inputs = x[part].to(backbone.device, backbone.dtype)
        made.append(backbone.predict(inputs, t[part].to(backbone.device), conditions[part].like(inputs)).cpu())
    return torch.cat(made)


def _walk(
    backbone: Backbone,
    denoise: Callable[[Tensor, Tensor, Condition], Tensor],
    conditions: Condition,
    empty: Condition,
    seeds: Sequence[int],
    steps: int,
    guidance: float,
) -> None:
    conditions = conditions.to(backbone.device, backbone.dtype)
    sampling.sample(
        denoise,
        backbone.scheduler(steps, backbone.device),
        conditions,
        empty.like(conditions.states),
        seeds,
        backbone.latent_shape,
        partial(backbone.combined, guidance=guidance),
    )
