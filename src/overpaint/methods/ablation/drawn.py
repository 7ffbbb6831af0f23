"""Pictures that Concept Ablation is trained on, drawn by the original model and kept."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.methods.ablation.ablations import Ablation
from overpaint.methods.ablation.config import AblationConfig
from overpaint.methods.records import StoredRecords, parts, recorded
from overpaint.methods.store import MemoryStore, fingerprints
from overpaint.progress import Inside, Progress
from overpaint.seeding import derive

__all__ = ["drawn"]

VERSION = 3
"""Raised whenever the same settings would draw otherwise."""


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

    They depend on the anchor, its prompts and its seed alone, and on no other concept of the run.
    """
    base = {
        **fingerprints(backbone),
        "image_steps": config.image_steps,
        "guidance": config.guidance,
        "precision": config.precision,
        "version": VERSION,
    }

    def content(about: tuple[Ablation, range]) -> dict[str, Any]:
        one, part = about
        asked = [one.anchor, list(one.templates), one.seed, list(one.goals)]
        return {**base, "ablation": asked, "pictures": [part.start, part.stop]}

    records = StoredRecords(store, content, lambda about: {"what": f"ablation: {what}", "source": about[0].source})
    latents: list[Tensor] = []
    with progress.task(what, total=len(named) * count, unit="image") as advance:
        for one in named:
            for part in parts(count):
                make = partial(_pictures, backbone, one, part, config, Inside(advance))
                latents.append(recorded(records, (one, part), len(part), make, advance)["latents"])
    return torch.cat(latents)


def _pictures(
    backbone: Backbone, one: Ablation, numbers: range, config: AblationConfig, progress: Progress
) -> dict[str, Tensor]:
    prompts = [one.anchored(number) for number in numbers]
    seeds = [derive(one.seed, "picture", number) for number in numbers]
    steps, guidance, precision = config.image_steps, config.guidance, config.precision
    latents = backbone.sample(prompts, seeds, steps, guidance, progress=progress, precision=precision)
    return {"latents": latents.detach().to("cpu", torch.float32)}
