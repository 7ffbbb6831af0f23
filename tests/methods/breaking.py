"""A store that fails, for tests of what goes on after a failure."""

from __future__ import annotations

from torch import Tensor

from overpaint.methods.store import TransientStore

__all__ = ["Breaking"]


class Breaking(TransientStore):
    """Its disk is full after so many records; what was put stays as it was put."""

    def __init__(self, holds: int) -> None:
        super().__init__()
        self.holds = holds

    def put(self, key: str, tensors: dict[str, Tensor], meta: dict[str, str]) -> None:
        if self.holds == 0:
            raise OSError("no space left")
        self.holds -= 1
        super().put(key, {name: tensor.clone() for name, tensor in tensors.items()}, meta)
