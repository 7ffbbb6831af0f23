"""Pictures that a plan names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from overpaint.errors import PlanError

__all__ = ["read_pictures"]


def read_pictures(paths: Sequence[Path], source: str) -> list[Image.Image]:
    """Pictures of ``source`` in RGB. PlanError if one cannot be read."""
    pictures = []
    for path in paths:
        try:
            with Image.open(path) as image:
                pictures.append(image.convert("RGB"))
        except OSError as error:
            raise PlanError(f"{path}: is no readable picture of {source!r} ({error}); replace it") from error
    return pictures
