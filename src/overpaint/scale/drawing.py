"""Pictures on a Ray cluster: each depends on its prompt and seed alone, so any worker may draw it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL import Image

from overpaint.backbone.loading import backbone_of
from overpaint.progress import Progress, Silent
from overpaint.scale.crew import PATIENCE, Call, Crew, connected

__all__ = ["images_on_ray"]

BATCH = 16
"""Pictures that a worker draws at a time, and that are drawn again if it is lost."""


def images_on_ray(
    model: Any,
    prompts: Sequence[str],
    seeds: Sequence[int],
    steps: int = 20,
    guidance: float | None = None,
    *,
    address: str = "local",
    progress: Progress | None = None,
    patience: float = PATIENCE,
) -> list[Image.Image]:
    """The pictures of `Backbone.images`, drawn by workers that hold the model as it is now, patches applied.

    Up to rounding, which may depend on how many are drawn at a time. See `learn_on_ray` for the other arguments.

    Raises:
        OverpaintError: Ray is not installed, the cluster cannot be reached or has no room, or loses workers again and
            again.
    """
    backbone = backbone_of(model)
    parts = [slice(start, start + BATCH) for start in range(0, len(prompts), BATCH)]
    calls = [Call(repr(prompts[p][0]), (list(prompts[p]), list(seeds[p]), steps, guidance)) for p in parts]
    drawn: dict[int, list[Image.Image]] = {}
    with connected(address) as ray, (progress or Silent()).task("drawing", len(prompts), "image") as advance:
        for number, images in Crew(ray, backbone, len(calls), patience).results("images", calls):
            drawn[number] = images
            advance(len(images))
    return [image for number in range(len(calls)) for image in drawn[number]]
