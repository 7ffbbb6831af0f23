"""Perceptual distance of a picture to the unedited model's at the same prompt and seed.

With the ``lpips`` package this is LPIPS (Zhang et al., arXiv 1801.03924). Its backbones are downloads; where they
cannot be had, and for the bundled model's 64-pixel drawings, the same formula without learned weights runs on the
features of the bundled grader. Every figure names what it was read with: the two are not comparable.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from overpaint.bench.pictures import Pictures
from overpaint.bench.results import Figure, Row
from overpaint.bench.scores import mean
from overpaint.bench.sheet import Sheet
from overpaint.emoji.grader import EmojiGrader
from overpaint.errors import OverpaintError

__all__ = ["GraderDistance", "Lpips", "Perceptual", "perceptual_change"]

BATCH = 32


class Perceptual(ABC):
    """A distance of pictures; ``name`` says by what."""

    name: str

    @abstractmethod
    def distances(self, first: Sequence[Image.Image], second: Sequence[Image.Image]) -> Tensor:
        """Distances ``(n,)`` of n pairs."""


class Lpips(Perceptual):
    """LPIPS by the ``lpips`` package.

    Args:
        network: "alex", "vgg" or "squeeze".
        side: pictures are scaled to this many pixels first; the published protocols take 64, None is full size.
    """

    def __init__(self, network: str = "alex", side: int | None = None, device: torch.device | str = "cpu") -> None:
        """Raises OverpaintError if the package or its backbone cannot be had."""
        try:
            import lpips

            model = lpips.LPIPS(net=network, verbose=False)
        except (ImportError, RuntimeError) as error:  # a torchvision of another torch raises RuntimeError
            raise OverpaintError(
                "LPIPS cannot be loaded; pip install lpips and the torchvision that belongs to this torch"
            ) from error
        except OSError as error:
            raise OverpaintError(f"LPIPS: the backbone {network} cannot be downloaded ({error})") from error
        self.name = f"LPIPS {network}" + (f" at {side} pixels" if side else "")
        self._model = model.to(device).eval().requires_grad_(False)
        self._side = side
        self._device = device

    @torch.no_grad()
    def distances(self, first: Sequence[Image.Image], second: Sequence[Image.Image]) -> Tensor:
        """LPIPS ``(n,)``."""
        pixels = (_pixels(images, self._side).to(self._device) for images in (first, second))
        distances: Tensor = self._model(*pixels)
        return distances.reshape(-1).cpu()


class GraderDistance(Perceptual):
    """LPIPS's formula (eq. 1) with unit weights on the stages of the bundled grader's trunk.

    At every stage features are scaled to unit length over the channels; squared differences are summed over channels,
    averaged over places and summed over stages.
    """

    name = "emoji grader's features"

    def __init__(self, network: EmojiGrader) -> None:
        self._tower = network.tower

    @torch.no_grad()
    def distances(self, first: Sequence[Image.Image], second: Sequence[Image.Image]) -> Tensor:
        """Distances ``(n,)``, 0 for equal pictures and at most 4 a stage."""
        device = next(self._tower.parameters()).device
        states, others = (_pixels(images, 64).to(device) for images in (first, second))
        total = torch.zeros(len(states), device=device)
        for stage in (lambda x: F.relu(self._tower.stem_norm(self._tower.stem(x))), *self._tower.blocks):
            states, others = stage(states), stage(others)
            difference = F.normalize(states, dim=1) - F.normalize(others, dim=1)
            total += difference.square().sum(dim=1).mean(dim=(1, 2))
        return total.cpu()


def perceptual_change(sheet: Sheet, group: str, pictures: Pictures, perceptual: Perceptual) -> Row:
    """Mean distance of the pictures after to those before, over pictures."""
    pairs = sheet.both(group)
    found: list[float] = []
    for start in range(0, len(pairs), BATCH):
        part = pairs[start : start + BATCH]
        first, second = (
            pictures.read([str(getattr(pair, key)) for pair in part]) for key in ("key_before", "key_after")
        )
        found += perceptual.distances(first, second).tolist()
    return Row(
        metric="perceptual change",
        group=group,
        figure=Figure.of(mean(np.array(found))),
        unit="LPIPS" if isinstance(perceptual, Lpips) else "distance",
        judge=perceptual.name,
    )


def _pixels(images: Sequence[Image.Image], side: int | None) -> Tensor:
    """``(n, 3, h, w)`` float32 in [-1, 1]."""
    fitted = [
        image.convert("RGB")
        if side is None or image.size == (side, side)
        else image.convert("RGB").resize((side, side))
        for image in images
    ]
    return torch.from_numpy(np.stack([np.asarray(image) for image in fitted])).permute(0, 3, 1, 2).float() / 127.5 - 1
