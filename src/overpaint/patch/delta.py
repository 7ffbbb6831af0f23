"""The change of one parameter: pure data, float32 on the CPU, low-rank wherever a method can give it so.

Most changes are what they are whatever they are added to. A `Mapped` one is a map of what the layer reads, and becomes
a change with the layer's own weights: one map serves every layer that reads the same thing, and is stored once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from overpaint.linear.lowrank import Factors
from overpaint.linear.precision import exact

__all__ = ["Delta", "Dense", "LowRank", "Mapped", "Plain", "add", "map_and_rest", "smaller"]


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
    def described(self) -> str:
        """Size and rank, for people."""
        return f"{self.shape[0]} x {self.shape[1]}, rank {len(self.down)}"

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What is stored, by the field's name."""
        return {"up": self.up, "down": self.down}

    def matrix(self, device: torch.device | str = "cpu") -> Tensor:
        """The change itself (out, in), float64."""
        return self.up.to(device).double() @ self.down.to(device).double()

    def of(self, base: Tensor) -> Tensor:
        """The change (out, in), float64, of a parameter whose value without it is ``base``, on the base's device."""
        return self.matrix(base.device)

    def after(self, left: Tensor) -> Tensor:
        """``left @ matrix`` for left (m, out), float64, without forming the matrix."""
        return (left @ self.up.to(left)) @ self.down.to(left)

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether a parameter of that shape can be changed so."""
        return len(shape) >= 2 and self.shape == (shape[0], prod(shape[1:]))

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
    def described(self) -> str:
        """Size, for people."""
        return " x ".join(map(str, self.shape)) + ", dense"

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What is stored, by the field's name."""
        return {"value": self.value}

    def matrix(self, device: torch.device | str = "cpu") -> Tensor:
        """The change itself, float64."""
        return self.value.to(device).double()

    def of(self, base: Tensor) -> Tensor:
        """The change, float64, of a parameter whose value without it is ``base``, on the base's device."""
        return self.matrix(base.device)

    def after(self, left: Tensor) -> Tensor:
        """``left @ matrix`` for left (m, out), float64."""
        return left @ self.value.to(left)

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether a parameter of that shape can be changed so."""
        return self.shape == tuple(shape)

    def scaled(self, factor: float) -> Dense:
        """The change times a factor."""
        return Dense(self.value.double() * factor)


Plain = LowRank | Dense


def smaller(factors: Factors) -> Plain:
    """A product of two matrices (out, in) as whichever change holds fewer numbers."""
    return LowRank(factors.up, factors.down) if factors.worthwhile else Dense(factors.matrix)


@dataclass(frozen=True, eq=False)
class Mapped:
    """The change ``W M + rest`` of a matrix W (out, in): ``(W + W M) x = W (x + M x)``.

    The layer then gives for x what it gave for x + M x. The rank of the change is that of M.
    """

    map: Plain
    """M (in, in); parameters that share it hold the same object"""
    rest: Plain | None = None
    """(out, in), what is added beside it"""

    def __post_init__(self) -> None:
        """Raises ValueError if the map is not square or the rest does not fit it."""
        if len(self.map.shape) != 2 or self.map.shape[0] != self.map.shape[1]:
            raise ValueError(f"a map of what a layer reads is square, not {self.map.shape}")
        if self.rest is not None and (len(self.rest.shape) != 2 or self.rest.shape[1] != self.map.shape[1]):
            raise ValueError(f"a map of {self.map.shape[1]} inputs does not fit a change of shape {self.rest.shape}")

    @property
    def shape(self) -> tuple[int, ...]:
        """(out, in); out is -1 where any number of outputs will do."""
        return (-1 if self.rest is None else self.rest.shape[0], self.map.shape[1])

    @property
    def described(self) -> str:
        """Size and rank of the map, for people."""
        return f"map of {self.map.described}" + (f", and {self.rest.described}" if self.rest else "")

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What is stored for the parameter alone, by the field's name; the map is stored apart."""
        return {} if self.rest is None else self.rest.tensors

    def of(self, base: Tensor) -> Tensor:
        """The change (out, in), float64, of a matrix whose value without it is ``base``, on the base's device."""
        change = self.map.after(exact(base.detach()))
        return change if self.rest is None else change + self.rest.of(base)

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether a parameter of that shape can be changed so."""
        inputs = len(shape) == 2 and shape[1] == self.map.shape[1]
        return inputs and (self.rest is None or self.rest.fits(shape))

    def scaled(self, factor: float) -> Mapped:
        """The change times a factor."""
        return Mapped(self.map.scaled(factor), None if self.rest is None else self.rest.scaled(factor))

    def plain(self, base: Tensor) -> Plain:
        """The same change of one parameter without a map, as low-rank as the map is: what a LoRA file can hold."""
        if isinstance(self.map, Dense) or isinstance(self.rest, Dense):
            return Dense(self.of(base))
        left = exact(base.detach())
        low = LowRank(left @ self.map.up.to(left), self.map.down)
        return low if self.rest is None else _add(low, self.rest)


Delta = Plain | Mapped


def add(a: Delta, b: Delta) -> Delta:
    """The sum of two changes of one parameter; low-rank ones stay low-rank by putting their factors side by side.

    Raises ValueError if their shapes differ.
    """
    if not isinstance(a, Mapped) and not isinstance(b, Mapped):
        return _add(a, b)
    (a_map, a_rest), (b_map, b_rest) = map_and_rest(a), map_and_rest(b)
    total = _both(a_map, b_map)
    assert total is not None
    return Mapped(total, _both(a_rest, b_rest))


def map_and_rest(delta: Delta) -> tuple[Plain | None, Plain | None]:
    """The map of a change, if it has one, and what is beside it."""
    return (delta.map, delta.rest) if isinstance(delta, Mapped) else (None, delta)


def _both(a: Plain | None, b: Plain | None) -> Plain | None:
    return _add(a, b) if a is not None and b is not None else a or b


def _add(a: Plain, b: Plain) -> Plain:
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
