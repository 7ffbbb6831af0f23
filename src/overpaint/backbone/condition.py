"""What a denoiser is told of prompts: token states and, in families that read one, a pooled state of the whole text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

__all__ = ["Condition"]


@dataclass(frozen=True)
class Condition:
    """The conditions of n prompts, a row each; handled as one tensor would be.

    Attributes:
        states: token states (n, w, d).
        pooled: (n, p), or None in families that do not read it.
        guidance: (n,) float32, the scale that a guidance-distilled denoiser is told; None elsewhere.
        mask: (n, w) bool, which token states are read; None: all.
    """

    states: Tensor
    pooled: Tensor | None = None
    guidance: Tensor | None = None
    mask: Tensor | None = None

    def __len__(self) -> int:
        """Rows."""
        return len(self.states)

    def __getitem__(self, rows: Tensor | slice | Sequence[int]) -> Condition:
        """Some rows, in that order, wherever the index is."""
        index = rows.to(self.states.device) if isinstance(rows, Tensor) else rows
        return self._each(lambda part: part[index])

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Condition:
        """The same in another place or type."""
        moved = self._each(lambda part: part.to(device))
        pooled = None if moved.pooled is None else moved.pooled.to(dtype)
        return replace(moved, states=moved.states.to(dtype), pooled=pooled)

    def like(self, tensor: Tensor) -> Condition:
        """The same in the place and type of a tensor."""
        return self.to(tensor.device, tensor.dtype)

    def repeat(self, count: int) -> Condition:
        """All rows, ``count`` times over: a single row for as many pictures, a batch for as many draws."""
        return self._each(lambda part: part.repeat(count, *[1] * (part.ndim - 1)))

    @classmethod
    def join(cls, parts: Sequence[Condition]) -> Condition:
        """The rows of all parts, which are of one family."""
        columns = [[getattr(part, field.name) for part in parts] for field in fields(cls)]
        return cls(*(None if column[0] is None else torch.cat(column) for column in columns))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Condition:
        """The same change of all that there is."""
        parts = [getattr(self, field.name) for field in fields(self)]
        return Condition(*(None if part is None else change(part) for part in parts))
