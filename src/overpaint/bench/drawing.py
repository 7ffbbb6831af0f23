"""Draw prompts and grade the pictures, a batch at a time, so that ten thousand pictures are never in memory at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.condition import Condition
from overpaint.bench.graders.emoji import ConceptGrader, Grades
from overpaint.methods.work import Work
from overpaint.progress import Inside, Progress, Silent

__all__ = ["Drawing", "grade"]

BATCH = 64


@dataclass(frozen=True)
class Drawing:
    """How pictures are drawn.

    Attributes:
        steps: of the sampler.
        guidance: None is the model's own.
        precision: of the denoiser's arithmetic: ``float32`` (its own) or ``bfloat16``.
    """

    steps: int = 20
    guidance: float | None = None
    precision: str = "float32"

    def evaluations(self, backbone: Backbone) -> int:
        """Of the denoiser, for one picture: every step asks twice where guidance combines two predictions."""
        guidance = backbone.guidance if self.guidance is None else self.guidance
        _, left = backbone.guided(backbone.unconditional(), guidance)
        return len(backbone.scheduler(self.steps, torch.device("cpu")).timesteps) * (2 if left > 1 else 1)

    def work(self, backbone: Backbone, pictures: int) -> Work:
        """What so many pictures take; on disk about a byte for each pixel, 8 x 8 of them to a place of the latent."""
        _, height, width = backbone.latent_shape
        evaluations = pictures * self.evaluations(backbone) if pictures else 0
        return Work(pictures=pictures, evaluations=evaluations, disk=pictures * height * width * 64)

    def images(
        self,
        backbone: Backbone,
        prompts: Sequence[str] | Condition,
        seeds: Sequence[int],
        batch: int | None = None,
        progress: Progress | None = None,
    ) -> list[Image.Image]:
        """One picture per prompt (or row of conditions) and seed."""
        return backbone.images(
            prompts, seeds, self.steps, self.guidance, batch=batch, progress=progress, precision=self.precision
        )


def grade(
    backbone: Backbone,
    grader: ConceptGrader,
    prompts: Sequence[str],
    seeds: Sequence[int],
    drawing: Drawing,
    progress: Progress | None = None,
    name: str = "drawing",
) -> Grades:
    """Grades of one picture per prompt and seed, rows in the order of the prompts."""
    parts: list[Grades] = []
    with (progress or Silent()).task(name, total=len(prompts), unit="image") as advance:
        for start in range(0, len(prompts), BATCH):
            part = slice(start, start + BATCH)
            images = drawing.images(backbone, prompts[part], seeds[part], progress=Inside(advance))
            parts.append(grader.grade(images))
    if not parts:
        widths = (grader.network.concept, grader.network.style, grader.network.background)
        return Grades(*(torch.zeros(0, head.out_features) for head in widths))
    return Grades(*(torch.cat(head) for head in zip(*parts, strict=True)))
