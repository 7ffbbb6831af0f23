"""States of prompts as the denoiser reads them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from overpaint.backbone.reading import Reader
from overpaint.linear.precision import exact

__all__ = ["read_states"]


def read_states(reader: Reader, prompts: Sequence[str], length: int | None = None, chunk: int = 64) -> Tensor:
    """States (n, length, width) of prompts, float64, where `exact` puts them.

    Rows are cut behind ``length`` positions (None: the window).
    """
    found = []
    for first in range(0, len(prompts), chunk):
        found.append(exact(reader.encode(prompts[first : first + chunk], length)))
    return torch.cat(found)
