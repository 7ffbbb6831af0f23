"""Pictures that Concept Ablation is trained on, drawn by the original model and kept."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.methods.ablation.ablations import Ablation
from overpaint.methods.ablation.config import AblationConfig
from overpaint.methods.store import MemoryStore, digest, fingerprints
from overpaint.progress import Inside, Progress
from overpaint.seeding import derive

__all__ = ["drawn"]

VERSION = 2
"""Raised whenever the same settings would draw otherwise."""

PART = 64
"""Pictures of one record, which is what a stopped run may lose."""


def drawn(
    backbone: Backbone,
    named: Sequence[Ablation],
    count: int,
    config: AblationConfig,
    store: MemoryStore,
    progress: Progress,
    what: str,
) -> Tensor:
    """``count`` pictures of each anchor as latents (n * count, c, h, w) on the CPU, one anchor's after another's.

    They depend on the anchor, its templates and its seed alone, and on no other concept of the run.
    """
    latents: list[Tensor] = []
    base = {
        **fingerprints(backbone),
        "image_steps": config.image_steps,
        "guidance": config.guidance,
        "precision": config.precision,
    }
    with progress.task(what, total=len(named) * count, unit="image") as advance:
        for one in named:
            for first in range(0, count, PART):
                numbers = range(first, min(first + PART, count))
                key = digest(
                    {
                        **base,
                        "ablation": [one.anchor, list(one.templates), one.seed],
                        "pictures": [numbers.start, numbers.stop],
                        "version": VERSION,
                    }
                )
                if (found := store.get(key)) is None:
                    found = {"latents": _pictures(backbone, one, numbers, config, Inside(advance))}
                    # "source" tells stores that the record is about a concept, and so belongs to its run alone
                    store.put(key, found, {"what": f"ablation: {what}", "source": one.source})
                else:
                    advance(len(numbers))
                latents.append(found["latents"])
    return torch.cat(latents)


def _pictures(backbone: Backbone, one: Ablation, numbers: range, config: AblationConfig, progress: Progress) -> Tensor:
    prompts = [one.prompt(one.anchor, number) for number in numbers]
    seeds = [derive(one.seed, "picture", number) for number in numbers]
    steps, guidance, precision = config.image_steps, config.guidance, config.precision
    latents = backbone.sample(prompts, seeds, steps, guidance, progress=progress, precision=precision)
    return latents.detach().to("cpu", torch.float32)
