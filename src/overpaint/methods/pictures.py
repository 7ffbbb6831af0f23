"""Pictures that a plan names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from overpaint.errors import PlanError
from overpaint.plan import Edit
from overpaint.plan.checks import quoted

__all__ = ["read_pictures", "unreadable"]


def read_pictures(paths: Sequence[Path], source: str) -> list[Image.Image]:
    """Pictures of ``source`` in RGB. PlanError if one cannot be read."""
    return [_read(path, source) for path in paths]


def unreadable(edit: Edit) -> list[str]:
    """One line for each of an edit's pictures that cannot be read, found by reading all of it."""
    problems = []
    for path in edit.images:
        try:
            _read(path, edit.source)
        except PlanError as error:
            problems.append(f"{edit.at}: {error}")
    return problems


def _read(path: Path, source: str) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except UnidentifiedImageError:
        reason = "of no known format"  # its own words are the path again
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # as the formats' readers raise
        reason = getattr(error, "strerror", None) or str(error)
    raise PlanError(f"{path}: is no readable picture of {quoted(source)} ({reason}); replace it")
