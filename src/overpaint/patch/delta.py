"""The change of one parameter: pure data, float32 on the CPU, low-rank wherever a method can give it so."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Delta", "Dense", "LowRank", "add"]


@dataclass(frozen=True, eq=False)
class LowRank:
    """The matrix ``up @ down`` (out, in) of rank r or less; a convolution's kernel is (out, in x height x width)."""

    up: Tensor
    """(out, r)"""
    down: Tensor
    """(r, in)"""

    def __post_init__(self) -> None:
        """Raises ValueError if the factors have no product."""
        if self.up.ndim != 2 or self.down.ndim != 2 or self.up.shape[1] != self.down.shape[0]:
            raise ValueError(f"factors {tuple(self.up.shape)} and {tuple(self.down.shape)} have no product")
        object.__setattr__(self, "up", _stored(self.up))
        object.__setattr__(self, "down", _stored(self.down))

    @property
    def shape(self) -> tuple[int, ...]:
        """(out, in)"""
        return self.up.shape[0], self.down.shape[1]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What is stored, by the field's name."""
        return {"up": self.up, "down": self.down}

    def matrix(self, device: torch.device | str = "cpu") -> Tensor:
        """The change itself (out, in), float64."""
        return self.up.to(device).double() @ self.down.to(device).double()

    def scaled(self, factor: float) -> LowRank:
        """The change times a factor."""
        return LowRank(self.up.double() * factor, self.down)


@dataclass(frozen=True, eq=False)
class Dense:
    """The change of a whole tensor, of the parameter's own shape."""

    value: Tensor

    def __post_init__(self) -> None:
        """Take a copy of the tensor."""
        object.__setattr__(self, "value", _stored(self.value))

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the parameter."""
        return tuple(self.value.shape)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What is stored, by the field's name."""
        return {"value": self.value}

    def matrix(self, device: torch.device | str = "cpu") -> Tensor:
        """The change itself, float64."""
        return self.value.to(device).double()

    def scaled(self, factor: float) -> Dense:
        """The change times a factor."""
        return Dense(self.value.double() * factor)


Delta = LowRank | Dense


def add(a: Delta, b: Delta) -> Delta:
    """The sum of two changes of one parameter; low-rank ones stay low-rank by putting their factors side by side.

    Raises ValueError if their shapes differ.
    """
    if isinstance(a, LowRank) and isinstance(b, LowRank) and a.shape == b.shape:
        return LowRank(torch.cat([a.up, b.up], dim=1), torch.cat([a.down, b.down]))
    x, y = a.matrix(), b.matrix()
    if x.numel() != y.numel() or x.shape[0] != y.shape[0]:
        raise ValueError(f"changes of shapes {a.shape} and {b.shape} have no sum")
    shape = a.shape if isinstance(a, Dense) else b.shape
    return Dense(x.reshape(shape) + y.reshape(shape))


def _stored(tensor: Tensor) -> Tensor:
    """A copy, float32 on the CPU: whoever made the tensor may go on writing to it."""
    return tensor.detach().to("cpu", torch.float32).clone(memory_format=torch.contiguous_format)
