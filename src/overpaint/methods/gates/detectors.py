"""Detectors: linear scores of tokens, 1 for one concept, next to nothing for everything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from overpaint.linear.precision import exact
from overpaint.methods.gates.config import GatesConfig
from overpaint.methods.gates.examples import Others, Own
from overpaint.progress import Advance

__all__ = ["Detectors", "detectors"]

CHUNK = 4096
"""Tokens whose scores are in memory together."""
FLOOR = 1e-3
"""The least variance of a direction, of the mean one: what hardly varies says little."""


class Detectors(NamedTuple):
    """Scores ``x @ weight.T + bias`` (m, n) of tokens x (m, width).

    Attributes:
        weight: (n, width), float32.
        bias: (n,), float32.
    """

    weight: Tensor
    bias: Tensor

    def scores(self, inputs: Tensor) -> Tensor:
        """Scores (m, n) of tokens (m, width)."""
        return inputs.float() @ self.weight.mT + self.bias


def detectors(own: Own, others: Others, count: int, config: GatesConfig, advance: Advance | None = None) -> Detectors:
    """Detectors of ``count`` concepts.

    Fisher's discriminant to begin with; then the squared distances of a concept's own scores from 1 and the squared
    excess of all other scores over what is quiet are lowered by gradient descent, over all concepts together.
    """
    shut = torch.cat([others.inputs, own.before]).float()
    mine = own.inputs.float()
    middle = torch.cat([mine, shut]).mean(dim=0)
    whiten = _whitening(mine, shut, own.owner, count, config.alike)
    x, y = (mine - middle) @ whiten, (shut - middle) @ whiten
    number = torch.bincount(own.owner, minlength=count).to(x)
    mean = x.new_zeros(count, x.shape[1]).index_add_(0, own.owner, x) / number[:, None]
    weight = mean / mean.square().sum(dim=1, keepdim=True)
    bias = weight.new_zeros(count)
    rate = config.rate * float(weight.abs().mean())
    optimizer = torch.optim.Adam([weight, bias], lr=rate)
    for step in range(config.steps):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / config.steps)
        weight.grad, bias.grad = torch.zeros_like(weight), torch.zeros_like(bias)
        for part, slope in _slopes(weight, bias, x, y, own.owner, config.own / number, others.named, config.quiet):
            weight.grad += slope.mT @ part
            bias.grad += slope.sum(dim=0)
        optimizer.step()
        if advance is not None:
            advance()
    plain = weight @ whiten.mT
    return Detectors(plain, bias - plain @ middle)


def _whitening(mine: Tensor, shut: Tensor, owner: Tensor, count: int, alike: float) -> Tensor:
    """A map (width, width) behind which what varies in one concept, and in all tokens ``alike`` so much, is 1."""
    own, every = exact(mine), exact(torch.cat([mine, shut]))
    owner = owner.to(own.device)
    number = torch.bincount(owner, minlength=count).to(own)
    mean = own.new_zeros(count, own.shape[1]).index_add_(0, owner, own) / number[:, None]
    within, spread = own - mean[owner], every - every.mean(dim=0)
    noise = within.mT @ within / len(within) + alike * spread.mT @ spread / len(spread)
    variances, directions = torch.linalg.eigh(noise)
    return (directions / (variances + FLOOR * variances.mean()).sqrt()).float().to(mine.device)


def _slopes(
    weight: Tensor, bias: Tensor, x: Tensor, y: Tensor, owner: Tensor, worth: Tensor, named: Tensor, quiet: float
) -> Iterator[tuple[Tensor, Tensor]]:
    """Tokens (c, width) with the slope (c, n) of the loss at their scores, half of it, part by part."""
    for part, whose in zip(x.split(CHUNK), owner.split(CHUNK), strict=True):
        score = part @ weight.mT + bias
        slope = (score - quiet).relu()
        place = torch.arange(len(part), device=part.device), whose
        slope[place] = worth[whose] * (score[place] - 1)
        yield part, slope
    for first in range(0, len(y), CHUNK):
        part = y[first : first + CHUNK]
        slope = (part @ weight.mT + bias - quiet).relu()
        ignored = named[first : first + CHUNK]
        slope[: len(ignored)].masked_fill_(ignored, 0.0)
        yield part, slope
