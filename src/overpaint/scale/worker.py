"""One process of a cluster: holds the pipeline, learns the batches and draws the pictures that it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from overpaint.backbone.loading import backbone_of, load
from overpaint.halving import halving
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.memory import Concept, Memory
from overpaint.methods.emcid.stage_one import stage_one

__all__ = ["Learned", "Worker"]

Learned = list[tuple[list[int], list[dict[str, Tensor]]]]
"""What came of a batch: positions in it that were learned together, and their memories' tensors."""


class Worker:
    """A Ray actor, without a word of Ray in it."""

    def __init__(self, pipe: Any, device: str, threads: int) -> None:
        """``threads``: as many as in the process that asks, since sums depend on them in their last bits."""
        torch.set_num_threads(threads)
        self._backbone = backbone_of(load(pipe, device))

    def ready(self) -> None:
        """Answered when the pipeline is there."""

    def learn(self, concepts: Sequence[Concept], config: EmcidConfig, after: Mapping[str, int]) -> Learned:
        """Stage I of one batch, in parts if it does not fit into memory; see `stage_one`."""

        def stage(part: list[int]) -> list[Memory]:
            return stage_one(self._backbone, [concepts[i] for i in part], config, after)

        found = halving([list(range(len(concepts)))], stage, "concepts")
        return [(part, [memory.tensors() for memory in memories]) for part, memories in found]

    def images(
        self, prompts: Sequence[str], seeds: Sequence[int], steps: int, guidance: float | None
    ) -> list[Image.Image]:
        """As `Backbone.images`."""
        return self._backbone.images(prompts, seeds, steps, guidance)
