"""Deterministic sampling and its inversion, for whatever a backbone predicts.

One step of DDIM (Song et al., arXiv 2010.02502, eq. 12 with eta 0) from level (a, s) to (a', s'), where
``x_t = a x0 + s noise``, is ``x' = a'/a (x - s e) + s' e`` with the noise e predicted at x. For flow matching the same
formula is a step of Euler's method. Inverting a step means solving it for x, with e a function of x.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.condition import Condition
from overpaint.progress import Advance

__all__ = ["Level", "fixed_point", "invert", "levels", "sample"]

MEMORY = 5
"""Earlier iterates that Anderson acceleration combines."""


@dataclass(frozen=True)
class Level:
    """How much of picture and noise is in latents at timestep t; the clean level is before all timesteps."""

    t: int | None
    signal: float
    noise: float


def levels(backbone: Backbone, steps: int) -> list[Level]:
    """``steps`` + 1 levels from clean latents to the last timestep but one, evenly spaced.

    At the last one some schedules leave nothing of the picture, and a step there cannot be inverted.
    """
    one = torch.ones(1, 1, 1, 1)
    found = [Level(None, 1.0, 0.0)]
    for step in range(1, steps + 1):
        t = step * (backbone.timesteps - 1) // steps - 1
        at = torch.tensor([t])
        found.append(Level(t, float(backbone.add_noise(one, 0 * one, at)), float(backbone.add_noise(0 * one, one, at))))
    return found


@torch.no_grad()
def sample(
    backbone: Backbone, latents: Tensor, condition: Condition, way: Sequence[Level], advance: Advance | None = None
) -> Tensor:
    """Clean latents (n, c, h, w) float32 of those at the last level, under n conditions, without guidance."""
    x = latents.float()
    for lower, level in zip(way[-2::-1], way[:0:-1], strict=True):
        e = _predicted(backbone, x, condition, level)
        x = lower.signal / level.signal * (x - level.noise * e) + lower.noise * e
        if advance is not None:
            advance(len(x))
    return x


@torch.no_grad()
def invert(
    backbone: Backbone,
    latents: Tensor,
    condition: Condition,
    way: Sequence[Level],
    iterations: int,
    advance: Advance | None = None,
) -> Tensor:
    """Latents (n, c, h, w) float32 at the last level from which `sample` leads to the given clean ones.

    ``iterations`` evaluations for each step; one is plain DDIM inversion, which takes the noise at the lower level.
    """
    x = latents.float()
    for lower, level in pairwise(way):
        x = fixed_point(partial(_raised, backbone, condition, lower, level, x), x, iterations)
        if advance is not None:
            advance(iterations * len(x))
    return x


def fixed_point(function: Callable[[Tensor], Tensor], start: Tensor, iterations: int) -> Tensor:
    """x (n, ...) with f(x) = x, each row by itself, after so many evaluations of f.

    Anderson acceleration (Walker and Ni, SIAM J. Numer. Anal. 49, 2011): the next iterate is the combination of the
    last few values of f, with weights that add to one, whose residual is least.
    """
    x = start
    values: list[Tensor] = []
    residuals: list[Tensor] = []
    for _ in range(iterations):
        value = function(x)
        values = [*values[1 - MEMORY :], value.flatten(1)]
        residuals = [*residuals[1 - MEMORY :], (value - x).flatten(1)]
        x = _combined(values, residuals).reshape(start.shape)
    return x


def _combined(values: Sequence[Tensor], residuals: Sequence[Tensor]) -> Tensor:
    """(n, d): the last value, moved along differences of values as the residuals' least squares say."""
    if len(values) == 1:
        return values[-1]
    differences = torch.stack([residuals[-1] - earlier for earlier in residuals[:-1]], dim=2).double()
    # by the pseudoinverse: rows that have converged have no differences left, and stay where they are
    inverse = torch.linalg.pinv(differences.mT @ differences, rtol=1e-12, hermitian=True)
    weights = inverse @ (differences.mT @ residuals[-1].double()[:, :, None])
    moves = torch.stack([values[-1] - earlier for earlier in values[:-1]], dim=2).double()
    return values[-1] - (moves @ weights)[:, :, 0].to(values[-1])


def _raised(backbone: Backbone, condition: Condition, lower: Level, level: Level, x: Tensor, guess: Tensor) -> Tensor:
    """Latents at ``level`` that lead to x at ``lower`` if the noise predicted at them is that at the ``guess``."""
    e = _predicted(backbone, guess, condition, level)
    return level.signal / lower.signal * (x - lower.noise * e) + level.noise * e


def _predicted(backbone: Backbone, x: Tensor, condition: Condition, level: Level) -> Tensor:
    """The noise (n, c, h, w) float32 at a level."""
    t = torch.full((len(x),), level.t or 0, device=backbone.device)
    like = x.to(backbone.device, backbone.dtype)
    return backbone.predict_noise(like, t, condition.like(like)).to(x)
