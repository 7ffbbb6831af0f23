"""Latents that noise is added to while values are learned: drawn or encoded once for each concept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.memory import Concept
from overpaint.methods.pictures import read_pictures
from overpaint.progress import Progress
from overpaint.seeding import derive

__all__ = ["Draw", "Latents", "Noise", "latents_of"]


@dataclass(frozen=True)
class Latents:
    """Pictures of one concept as latents.

    Attributes:
        mean: (B, S, c, h, w) for B prompts and S pictures of each.
        std: of the autoencoder's posterior, or None where latents are taken as they are.
    """

    mean: Tensor
    std: Tensor | None


@dataclass(frozen=True)
class Draw:
    """k draws of clean latents, timesteps and noise for p prompts: (k, p, c, h, w), (k, p), (k, p, c, h, w)."""

    x0: Tensor
    t: Tensor
    noise: Tensor


def latents_of(
    backbone: Backbone, concepts: Sequence[Concept], config: EmcidConfig, progress: Progress
) -> list[Latents]:
    """Latents of each concept: of its own pictures if it brings some, else of pictures drawn by the unedited model."""
    drawn = [i for i, c in enumerate(concepts) if not c.images]
    made: dict[int, Latents] = {}
    if drawn:
        prompts, seeds = [], []
        for i in drawn:
            concept = concepts[i]
            source = config.image_source == "source" or concept.destination is None
            phrase = concept.source if source else concept.destination
            for b, template in enumerate(concept.prompts):
                for s in range(config.images_per_prompt):
                    prompts.append(template.replace("{}", phrase or ""))
                    seeds.append(derive(concept.seed, "latents", b, s))
        latents = backbone.sample(
            prompts,
            seeds,
            steps=config.image_steps,
            guidance=config.image_guidance,
            progress=progress,
            precision=config.precision,
        )
        std = None
        if config.round_trip:
            latents, std = backbone.encode_images(backbone.decode(latents))
        at = 0
        for i in drawn:
            shape = (len(concepts[i].prompts), config.images_per_prompt)
            part = slice(at, at + shape[0] * shape[1])
            at = part.stop
            made[i] = Latents(latents[part].unflatten(0, shape), None if std is None else std[part].unflatten(0, shape))
    for i, concept in enumerate(concepts):
        if concept.images:
            made[i] = _given(backbone, concept)
    return [made[i] for i in range(len(concepts))]


def _given(backbone: Backbone, concept: Concept) -> Latents:
    """Posterior of the plan's pictures; every prompt may meet every one of them."""
    mean, std = backbone.encode_images(read_pictures(concept.images, concept.source))
    shape = (len(concept.prompts), *mean.shape)
    return Latents(mean.expand(shape), std.expand(shape))


class Noise:
    """Endless draws for a batch of concepts, each from a generator of its own: no concept depends on its neighbours."""

    def __init__(
        self, latents: Sequence[Latents], seeds: Sequence[int], timesteps: int, cycle: int | None = None
    ) -> None:
        """``cycle``: timesteps are stratified over so many draws; None: uniform."""
        self._latents = latents
        self._sources = [torch.Generator("cpu").manual_seed(derive(seed, "noise")) for seed in seeds]
        self._timesteps = timesteps
        self._cycle = cycle
        self._strata: list[list[int]] = [[] for _ in seeds]

    def draw(self, count: int, concepts: Sequence[int] | None = None) -> Draw:
        """The next ``count`` draws of some concepts or all: a picture of each prompt, its timestep and its noise."""
        numbers = range(len(self._latents)) if concepts is None else concepts
        rounds = [[self._one(number) for number in numbers] for _ in range(count)]
        x0, t, noise = (
            torch.stack([torch.cat([concept[i] for concept in every]) for every in rounds]) for i in range(3)
        )
        return Draw(x0, t, noise)

    def _one(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        latents, source = self._latents[number], self._sources[number]
        prompts, pictures = latents.mean.shape[:2]
        which = torch.randint(pictures, (prompts,), generator=source)
        t = self._times(number, prompts)
        rows = torch.arange(prompts)
        x0 = latents.mean[rows, which]
        noise = torch.randn(x0.shape, generator=source).to(x0)
        if latents.std is not None:
            x0 = x0 + latents.std[rows, which] * torch.randn(x0.shape, generator=source).to(x0)
        return x0, t.to(x0.device), noise

    def _times(self, number: int, prompts: int) -> Tensor:
        """Timesteps (B,) of a concept's next draw.

        Stratified over K draws of B prompts: of the K B equal parts of the schedule each is drawn from once. In one
        draw the prompts are K / B strata of B parts away from each other, and every prompt visits all K strata.
        """
        source = self._sources[number]
        if self._cycle is None:
            return torch.randint(self._timesteps, (prompts,), generator=source)
        strata = self._strata[number]
        if not strata:
            strata += torch.randperm(self._cycle, generator=source).tolist()
        place = torch.arange(prompts)
        stratum = (strata.pop() + place * self._cycle // prompts) % self._cycle
        inside = (place + torch.rand(prompts, generator=source, dtype=torch.float64)) / prompts
        return ((stratum + inside) * self._timesteps / self._cycle).long().clamp(max=self._timesteps - 1)
