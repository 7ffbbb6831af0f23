"""Uncentred second moments of keys, gathered in one pass over any stream; many of them are kept as triangles."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt, prod

import torch
from torch import Tensor

from overpaint.linear.precision import exact_device

__all__ = ["Gathering", "SecondMoment", "Triangle", "from_triangle", "triangle"]


CHUNK = 2048
"""Keys whose products are summed in their own precision."""

BAND = 512
"""Columns of a moment that are computed together, down to the diagonal."""


@dataclass(frozen=True)
class SecondMoment:
    """The sum of ``k k^T`` over keys, and how many keys there were; pure data, every change gives a new one.

    Attributes:
        total: (in, in), float64.
        count: number of keys, or their total weight.
    """

    total: Tensor
    count: float

    @classmethod
    def empty(cls, width: int, device: torch.device | str | None = None) -> SecondMoment:
        """Of no keys of ``width`` numbers."""
        where = None if device is None else exact_device(device)
        return cls(torch.zeros(width, width, dtype=torch.float64, device=where), 0.0)

    @classmethod
    def of(cls, keys: Tensor) -> SecondMoment:
        """Of keys (n, in), of any float type."""
        gathered = Gathering(keys.shape[1], keys.device)
        gathered.add(keys)
        return gathered.moment

    def __add__(self, other: SecondMoment) -> SecondMoment:
        """Of the keys of both; associative and commutative up to rounding."""
        return SecondMoment(self.total + other.total, self.count + other.count)

    def __mul__(self, weight: float) -> SecondMoment:
        """As if every key counted ``weight`` times."""
        return SecondMoment(self.total * weight, self.count * weight)

    @property
    def mean(self) -> Tensor:
        """``C = E[k k^T]`` (in, in), float64. ValueError without keys."""
        if self.count <= 0:
            raise ValueError("a second moment of no keys has no mean")
        return self.total / self.count


@dataclass(frozen=True)
class Triangle:
    """A `SecondMoment` as its upper triangle, which takes half the memory; pure data, too.

    Attributes:
        numbers: (in (in + 1) / 2,), float64, row by row, on the CPU.
        count: number of keys, or their total weight.
    """

    numbers: Tensor
    count: float

    def __add__(self, other: Triangle) -> Triangle:
        """Of the keys of both."""
        return Triangle(self.numbers + other.numbers, self.count + other.count)

    def __mul__(self, weight: float) -> Triangle:
        """As if every key counted ``weight`` times."""
        return Triangle(self.numbers * weight, self.count * weight)

    @property
    def total(self) -> Tensor:
        """The sum of ``k k^T`` over keys (in, in)."""
        return _symmetric(from_triangle(self.numbers))

    @property
    def mean(self) -> Tensor:
        """``C = E[k k^T]`` (in, in), float64. ValueError without keys."""
        if self.count <= 0:
            raise ValueError("a second moment of no keys has no mean")
        return _symmetric(from_triangle(self.numbers / self.count))


class Gathering:
    """A second moment in the making, of keys that come in parts.

    Products of some two thousand keys are summed in float32 at least, these sums in float64: twice as fast as float64
    throughout, and the error (some 1e-7 of the mean of the diagonal) stays below any regularisation. Only the upper
    triangle is computed, by bands of columns, which spares nearly half of the products and of the memory.
    """

    def __init__(self, width: int, device: torch.device | str | None = None) -> None:
        """Of no keys of ``width`` numbers yet."""
        where = None if device is None else exact_device(device)
        shapes = [(min(first + BAND, width), min(BAND, width - first)) for first in range(0, width, BAND)]
        # of one piece: the memory of many small ones is not given back between others
        whole = torch.zeros(sum(map(prod, shapes)), dtype=torch.float64, device=where)
        self._bands = [band.view(shape) for band, shape in zip(whole.split([*map(prod, shapes)]), shapes, strict=True)]
        self._width, self._count = width, 0.0

    def add(self, keys: Tensor, weights: Tensor | None = None) -> None:
        """Keys (n, in), of any float type, each counting as often as its weight (n,) says; None: once."""
        k = keys.detach()
        k = k if k.dtype in (torch.float32, torch.float64) else k.float()
        self._count += float(len(k)) if weights is None else float(weights.sum())
        if weights is not None:
            k = k * weights.to(k).sqrt()[:, None]
        for part in k.split(CHUNK):
            for first, band in zip(range(0, self._width, BAND), self._bands, strict=True):
                stop = first + BAND
                product = part[:, :stop].mT @ part[:, first:stop]
                band += product.to(band.device)

    @property
    def moment(self) -> SecondMoment:
        """Of all keys so far."""
        upper = torch.cat([torch.nn.functional.pad(b, (0, 0, 0, self._width - len(b))) for b in self._bands], dim=1)
        return SecondMoment(_symmetric(upper.triu_()), self._count)

    @property
    def triangle(self) -> Triangle:
        """The same, without ever having the whole matrix."""
        bands = [band.cpu() for band in self._bands]
        rows = [
            part
            for row in range(self._width)
            for part in (bands[row // BAND][row, row % BAND :], *(band[row] for band in bands[row // BAND + 1 :]))
        ]
        return Triangle(torch.cat(rows), self._count)


def triangle(matrix: Tensor) -> Tensor:
    """The upper triangle of a matrix (d, d) as numbers (d (d + 1) / 2,), row by row, on the CPU."""
    return torch.cat([row[i:] for i, row in enumerate(matrix.cpu().unbind())])


def from_triangle(numbers: Tensor) -> Tensor:
    """Inverse of `triangle` for upper triangular matrices (d, d)."""
    width = (isqrt(8 * len(numbers) + 1) - 1) // 2
    upper = numbers.new_zeros(width, width)
    for i, row in enumerate(numbers.split(list(range(width, 0, -1)))):
        upper[i, i:] = row
    return upper


def _symmetric(upper: Tensor) -> Tensor:
    """The matrix itself (d, d), made symmetric; what is below the diagonal was zero."""
    for first in range(0, len(upper), BAND):
        stop = first + BAND
        upper[stop:, first:stop] = upper[first:stop, stop:].mT
        square = upper[first:stop, first:stop]
        square += square.triu(1).mT
    return upper
