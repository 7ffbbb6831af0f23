"""Noisy latents with their targets, made ahead for many steps at once: the teacher is asked in large batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.precision import in_precision
from overpaint.methods.emcid.config import EmcidConfig, Objective
from overpaint.methods.emcid.joint import Joint
from overpaint.methods.emcid.latents import Draw, Noise
from overpaint.methods.emcid.targets import target_of

__all__ = ["Bank", "Drawn"]

ROWS = 96
"""Noisy latents in one forward pass of the teacher, about."""

Drawn = tuple[Tensor, Tensor, Tensor]
"""Noisy latents (p, c, h, w), timesteps (p,) and targets (p, c, h, w)."""


class Bank:
    """Draws of each concept of a batch, by the concept's number.

    Attributes:
        size: how many there are of each.
    """

    def __init__(
        self,
        backbone: Backbone,
        joint: Joint,
        objective: Objective,
        noise: Noise,
        config: EmcidConfig,
        size: int,
        keep: bool,
    ) -> None:
        """``joint`` and ``noise`` are of the same concepts. ``keep``: draws are used in turn; else each only once."""
        self.size = size
        self._backbone = backbone
        self._joint = joint
        self._objective = objective
        self._noise = noise
        self._config = config
        self._keep = keep
        self._ready: list[dict[int, Drawn]] = [{} for _ in range(joint.prompts.concepts)]
        self._made = [0] * joint.prompts.concepts

    def at(self, concepts: Sequence[int], steps: Sequence[int]) -> Drawn:
        """What those concepts, in rising order, learn from in their steps, counted from 0 and taken one by one."""
        numbers = [step % self.size if self._keep else step for step in steps]
        lacking = [c for c, number in zip(concepts, numbers, strict=True) if number >= self._made[c]]
        if lacking:
            self._make(lacking)
        found = []
        for concept, number in zip(concepts, numbers, strict=True):
            ready = self._ready[concept]
            found.append(ready[number] if self._keep else ready.pop(number))
        x_t, t, wanted = (torch.cat(column) for column in zip(*found, strict=True))
        return x_t, t, wanted

    def _make(self, concepts: Sequence[int]) -> None:
        part = self._joint.take(torch.tensor(concepts, device=self._joint.owner.device))
        sizes = torch.bincount(part.owner).tolist()
        target = target_of(self._objective, self._backbone, part, self._config.mu)
        group = max(1, ROWS // len(part.owner))
        # what is kept is made at once, what is used up a group of steps ahead
        left = self.size if self._keep else min(group, *(self.size - self._made[concept] for concept in concepts))
        while left:
            count = min(group, left)
            left -= count
            draw = self._noise.draw(count, concepts)
            x_t = _noisy(self._backbone, draw)
            with torch.no_grad(), in_precision(self._backbone.device, self._config.precision):
                wanted = target(x_t, draw.t, draw.noise)
            for made in zip(x_t, draw.t, wanted, strict=True):
                for concept, *drawn in zip(concepts, *(column.split(sizes) for column in made), strict=True):
                    self._ready[concept][self._made[concept]] = (drawn[0], drawn[1], drawn[2])
                    self._made[concept] += 1


def _noisy(backbone: Backbone, draw: Draw) -> Tensor:
    x_t = backbone.add_noise(draw.x0.flatten(0, 1), draw.noise.flatten(0, 1), draw.t.flatten())
    return x_t.unflatten(0, draw.t.shape)
