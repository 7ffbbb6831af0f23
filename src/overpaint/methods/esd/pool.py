"""Noisy inputs with their targets, made once and trained on many times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

__all__ = ["Pool", "join"]


@dataclass(frozen=True)
class Pool:
    """n rows on the CPU.

    Attributes:
        x: inputs of the network (n, c, h, w). t: their timesteps (n,), float32.
        prompt: rows (n,) of `Texts` that the student is given.
        wanted: what it is to predict (n, c, h, w), float32.
        concept: number (n,) of the erasure or preserved prompt that the row is about.
    """

    x: Tensor
    t: Tensor
    prompt: Tensor
    wanted: Tensor
    concept: Tensor

    def __len__(self) -> int:
        """Rows."""
        return len(self.x)

    def rows(self, which: Tensor) -> Pool:
        """Some rows (m,), in that order."""
        return Pool(**{name: tensor[which] for name, tensor in self.tensors().items()})

    def tensors(self) -> dict[str, Tensor]:
        """For a store."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Pool:
        """Inverse of `tensors`; others are ignored."""
        return cls(**{field.name: tensors[field.name] for field in fields(cls)})


def join(pools: Sequence[Pool]) -> Pool:
    """All rows of pools, of which there is at least one."""
    columns = zip(*(pool.tensors().values() for pool in pools), strict=True)
    return Pool(*(torch.cat(column) for column in columns))
