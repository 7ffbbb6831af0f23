"""A judge for random models: it knows the pictures that the unedited model draws of each name, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.bench.graders import Grader
from overpaint.bench.probes import Probe

STEPS, GUIDANCE = 2, 3.0


class Recall(Grader):
    """P(label) is 1 for a picture that the model drew when asked for it, and falls with the distance to the nearest."""

    name = "recall"

    def __init__(self, backbone: StableDiffusion, probes: Sequence[Probe], spread: float = 4.0) -> None:
        super().__init__({"spread": spread})
        self.spread = spread
        self.known: dict[str, list[np.ndarray]] = {}
        prompts, seeds = [probe.prompt for probe in probes], [probe.seed for probe in probes]
        for probe, image in zip(probes, backbone.images(prompts, seeds, STEPS, GUIDANCE, batch=8), strict=True):
            self.known.setdefault(probe.subject, []).append(np.asarray(image, dtype=np.float64))

    def scores(self, images: Sequence[Image.Image], labels: Sequence[Sequence[str]]) -> Tensor:
        rows = [[self._score(image, label) for label in wanted] for image, wanted in zip(images, labels, strict=True)]
        return torch.tensor(rows)

    def _score(self, image: Image.Image, label: str) -> float:
        if label not in self.known:
            return math.nan
        picture = np.asarray(image, dtype=np.float64)
        nearest = min(np.sqrt(np.square(picture - other).mean()) for other in self.known[label])
        return math.exp(-nearest / self.spread)
