"""A random pipeline of every family with an original layout, with all kinds of parts that the true ones have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.models import tiny_flux, tiny_sd, tiny_sd3, tiny_sdxl

__all__ = ["PIPELINES", "sdxl"]


def sdxl(prediction_type: str = "epsilon") -> Any:
    """Eleven layers in the second encoder: by the tenth diffusers knows the family."""
    return tiny_sdxl(prediction_type, layers=(2, 11), depths=(1, 2, 3))


PIPELINES: dict[str, Callable[[], Any]] = {
    "sd1": lambda: tiny_sd(full=True, layers=2),
    "sd2": lambda: tiny_sd("v_prediction", version=2, full=True, layers=2),
    "sdxl": sdxl,
    "sd3": lambda: tiny_sd3(blocks=3),
    "flux": tiny_flux,
}
"""By family, how one is made."""
