"""FID and KID between two sets of pictures, by torchmetrics.

FID (Heusel et al., arXiv 1706.08500) depends on the number of pictures: figures of different counts are not
comparable, nor are those against real pictures and against the unedited model's. KID (Binkowski et al., 1801.01401) is
unbiased. Both name the features that they were taken of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from overpaint.bench.pictures import Pictures
from overpaint.bench.results import Figure, Row
from overpaint.bench.sheet import Sheet
from overpaint.emoji.grader import EmojiGrader
from overpaint.errors import OverpaintError

__all__ = ["INCEPTION", "Features", "GraderFeatures", "distribution_change", "distribution_distance"]

BATCH = 64
SUBSETS, SUBSET = 50, 100


class Features:
    """What pictures are turned into before sets of them are compared.

    Attributes:
        name: for tables.
        feature: as torchmetrics takes it: a module from uint8 pictures ``(n, 3, h, w)`` to ``(n, d)``, or a number of
            Inception features.
        size: pictures are scaled to (h, w) first.
    """

    def __init__(self, name: str, feature: nn.Module | int, size: tuple[int, int]) -> None:
        self.name = name
        self.feature = feature
        self.size = size


class GraderFeatures(nn.Module):
    """The bundled grader's features ``(n, 256)`` of uint8 pictures ``(n, 3, 64, 64)``."""

    num_features = 256

    def __init__(self, network: EmojiGrader) -> None:
        super().__init__()
        self.network = network

    @classmethod
    def of(cls, network: EmojiGrader) -> Features:
        """As `Features`."""
        return Features("emoji grader's features", cls(network).eval().requires_grad_(False), (64, 64))

    def forward(self, images: Tensor) -> Tensor:
        """Features."""
        return self.network.features(images.float() / 127.5 - 1)


INCEPTION = Features("Inception (torch-fidelity), 2048 features, pictures at 299 by bicubic", 2048, (299, 299))
"""A download of torch-fidelity: what published FIDs are taken of."""


def distribution_change(sheet: Sheet, group: str, pictures: Pictures, features: Features) -> list[Row]:
    """FID and KID of the pictures after to those before. The same pictures have exactly none, whatever estimators say.

    Raises:
        OverpaintError: as `distribution_distance`.
    """
    pairs = sheet.both(group)
    if pairs and all(pair.key_before == pair.key_after for pair in pairs):
        figure = Figure(value=0.0, count=len(pairs))
        return [_row(name, group, figure, features) for name in ("FID", "KID")]
    before, after = (
        pictures.opened([str(getattr(pair, key)) for pair in pairs]) for key in ("key_before", "key_after")
    )
    return distribution_distance(group, before, after, features)


def distribution_distance(
    group: str, before: Sequence[Image.Image], after: Sequence[Image.Image], features: Features
) -> list[Row]:
    """FID and KID of two sets; null of fewer than two pictures.

    Raises:
        OverpaintError: torchmetrics, or what it needs for these features, is not installed.
    """
    try:
        from torchmetrics.image.fid import FrechetInceptionDistance
        from torchmetrics.image.kid import KernelInceptionDistance
    except ImportError as error:
        raise OverpaintError("FID and KID need torchmetrics; pip install 'overpaint[bench]'") from error
    count = min(len(before), len(after))
    subset = min(SUBSET, count)
    makers: dict[str, Callable[[], Any]] = {
        "FID": lambda: FrechetInceptionDistance(feature=features.feature, input_img_size=(3, *features.size)),
        "KID": lambda: KernelInceptionDistance(feature=features.feature, subsets=SUBSETS, subset_size=subset),
    }
    rows = []
    for name, make in makers.items():
        value = None if count < 2 else _value(name, make, before, after, features)
        figure = Figure(value=value, count=count)
        rows.append(_row(name, group, figure, features))
    return rows


def _row(name: str, group: str, figure: Figure, features: Features) -> Row:
    return Row(metric=name, group=group, figure=figure, better="lower", unit=name, judge=features.name)


def _value(
    name: str,
    make: Callable[[], Any],
    before: Sequence[Image.Image],
    after: Sequence[Image.Image],
    features: Features,
) -> float:
    try:
        metric = make()
    except (ImportError, RuntimeError, OSError) as error:
        raise OverpaintError(f"{name}: {features.name} cannot be had ({str(error).splitlines()[0]})") from error
    for images, real in ((before, True), (after, False)):
        for start in range(0, len(images), BATCH):
            metric.update(_pixels(images[start : start + BATCH], features.size), real=real)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)  # KID draws its subsets from the global generator
        found = metric.compute()
    return float(found[0] if isinstance(found, tuple) else found)


def _pixels(images: Sequence[Image.Image], size: tuple[int, int]) -> Tensor:
    height, width = size
    fitted = [
        image.convert("RGB")
        if image.size == (width, height)
        else image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
        for image in images
    ]
    return torch.from_numpy(np.stack([np.asarray(image) for image in fitted])).permute(0, 3, 1, 2)
