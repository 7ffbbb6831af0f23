"""How many pictures are the same to the last bit as the unedited model's at the same seed."""

from __future__ import annotations

import numpy as np

from overpaint.bench.pictures import Pictures
from overpaint.bench.results import Figure, Row
from overpaint.bench.scores import mean
from overpaint.bench.sheet import Sheet

__all__ = ["pixel_identity"]


def pixel_identity(sheet: Sheet, group: str, pictures: Pictures) -> list[Row]:
    """Share of identical pictures, and the mean absolute difference of their values in [0, 255]; over pictures."""
    differences = [
        0.0 if pair.key_before == pair.key_after else _difference(pictures, str(pair.key_before), str(pair.key_after))
        for pair in sheet.both(group)
    ]
    same = [float(difference == 0) for difference in differences]
    return [
        Row(metric="identical pictures", group=group, figure=Figure.of(mean(same)), unit="share", judge="pixels"),
        Row(metric="pixel change", group=group, figure=Figure.of(mean(differences)), unit="of 255", judge="pixels"),
    ]


def _difference(pictures: Pictures, before: str, after: str) -> float:
    first, second = (np.asarray(image, dtype=np.float64) for image in pictures.read([before, after]))
    return float(np.abs(first - second).mean())
