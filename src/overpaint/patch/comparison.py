"""Where two patches differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.patch.delta import Delta, Mapped
from overpaint.patch.fingerprint import same
from overpaint.patch.patch import Patch

__all__ = ["Difference", "compare"]


@dataclass(frozen=True)
class Difference:
    """What two patches do to one parameter.

    Attributes:
        name: of the parameter.
        first, second: Frobenius norms of the changes; None where a patch leaves the parameter alone.
        apart: norm of the difference, as a share of the larger norm; None where only one changes it, or where one
            is a map of what the layer reads and the other is not.
        cosine: between the two changes; None as above.
        same_base: whether both were made for the same weights.
    """

    name: str
    first: float | None
    second: float | None
    apart: float | None
    cosine: float | None
    same_base: bool = True


def compare(a: Patch, b: Patch) -> Iterator[Difference]:
    """All parameters that either changes, by name."""
    for name in sorted(set(a.deltas) | set(b.deltas)):
        x, y = (_flat(patch.deltas.get(name)) for patch in (a, b))
        norms = [None if value is None else float(value.norm()) for value in (x, y)]
        apart = cosine = None
        if x is not None and y is not None and x.shape == y.shape and _kind(a, name) == _kind(b, name):
            larger = max(float(x.norm()), float(y.norm()))
            apart = float((x - y).norm()) / larger if larger else 0.0
            product = float(x.norm() * y.norm())
            cosine = float(x @ y) / product if product else None
        fits = name not in a.base or name not in b.base or same(a.base[name], b.base[name])
        yield Difference(name, norms[0], norms[1], apart, cosine, fits)


def _kind(patch: Patch, name: str) -> bool:
    return isinstance(patch.deltas[name], Mapped)


def _flat(delta: Delta | None) -> Tensor | None:
    """The change as one vector; of a map, the map and what is added beside it."""
    if delta is None:
        return None
    if isinstance(delta, Mapped):
        rest = [] if delta.rest is None else [delta.rest.matrix().flatten()]
        return torch.cat([delta.map.matrix().flatten(), *rest])
    return delta.matrix().flatten()
