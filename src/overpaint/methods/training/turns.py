"""Which rows of a pool an update gets: a function of its number alone, so that a stopped run can go on."""

from __future__ import annotations

import torch
from torch import Tensor

from overpaint.seeding import derive

__all__ = ["turn"]


def turn(size: int, batch: int, step: int, seed: int) -> Tensor:
    """Rows (batch,) of update ``step`` out of ``size``: a new shuffle whenever all have been used."""
    shuffled: dict[int, Tensor] = {}
    rows = []
    for position in range(step * batch, (step + 1) * batch):
        epoch, place = divmod(position, size)
        if epoch not in shuffled:
            source = torch.Generator("cpu").manual_seed(derive(seed, "order", epoch))
            shuffled[epoch] = torch.randperm(size, generator=source)
        rows.append(shuffled[epoch][place])
    return torch.stack(rows)
