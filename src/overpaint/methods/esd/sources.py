"""Where the rows of each update come from: a cached pool, or the published loop's one partial trajectory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Protocol

import torch

from overpaint.backbone.backbone import Backbone
from overpaint.methods.esd.config import EsdConfig
from overpaint.methods.esd.erasures import Erasure, Texts
from overpaint.methods.esd.pictures import noised
from overpaint.methods.esd.pool import Pool
from overpaint.methods.esd.rows import Acting, target, taught
from overpaint.methods.esd.trajectories import arrive, length
from overpaint.methods.training.turns import turn
from overpaint.seeding import derive

__all__ = ["Cached", "Published", "Source"]


class Source(Protocol):
    """What training draws from."""

    def batch(self, step: int) -> Pool:
        """The rows of an update, the first being 0: a function of ``step``, so that a stopped run can go on."""
        ...


class Cached:
    """Rows of a pool in random order, each once before any comes again.

    ``pool(round)`` is asked for at the first update of each round of ``every`` updates (None: all are one round).
    """

    def __init__(self, pool: Callable[[int], Pool], batch: int, seed: int, every: int | None = None) -> None:
        self._make = pool
        self._batch = batch
        self._seed = seed
        self._every = every
        self._current: tuple[int, Pool] | None = None

    def batch(self, step: int) -> Pool:
        """See `Source`."""
        number, inside = divmod(step, self._every) if self._every else (0, step)
        if self._current is None or self._current[0] != number:
            self._current = None  # two pools need not be in memory together
            self._current = number, self._make(number)
        pool = self._current[1]
        return pool.rows(turn(len(pool), self._batch, inside, derive(self._seed, "round", number)))


class Published:
    """For every update one erasure, one prompt and one step by chance; rows of a batch differ in their noise.

    The teacher is evaluated there although the frozen sampler might have told, as in the authors' code.
    """

    def __init__(
        self,
        backbone: Backbone,
        texts: Texts,
        erasures: Sequence[Erasure],
        config: EsdConfig,
        seed: int,
        student: Acting,
    ) -> None:
        self._backbone, self._texts, self._erasures = backbone, texts, erasures
        self._config, self._seed = config, seed
        self._sampler: Acting = nullcontext if config.on_policy_every is None else student
        self._length = length(backbone, config.image_steps)

    def batch(self, step: int) -> Pool:
        """See `Source`."""
        config, texts = self._config, self._texts
        number = derive(self._seed, "which", step) % len(self._erasures)
        erasure = self._erasures[number]
        template = derive(self._seed, "template", step) % len(erasure.templates)
        at = derive(self._seed, "step", step) % self._length
        seeds = [derive(erasure.seed, "published", step, k) for k in range(config.batch)]
        prompt = texts.rows([erasure.prompts(erasure.given)[template]] * config.batch)
        if erasure.images:
            x, t = noised(self._backbone, erasure.images, erasure.source, seeds)
        else:
            asked, empty = texts.conditions[prompt], texts.conditions[:1]
            with self._sampler():
                x, time = arrive(self._backbone, asked, empty, seeds, config.image_steps, config.guidance, at)
            x, t = x.cpu(), time.cpu().expand(config.batch)
        made = taught(self._backbone, texts, erasure, x, t, [template] * config.batch)
        return Pool(x, t, prompt, target(made, config.eta), torch.full((config.batch,), number))
