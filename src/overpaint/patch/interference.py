"""How much two patches of one model get in each other's way when both are applied.

A layer's change D acts on what the layer reads. Two changes A and B of a layer leave each other alone where each gives
nothing for the inputs that the other was made for; then their sum does on those inputs what each does alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.errors import PatchError
from overpaint.patch.delta import Delta, Mapped
from overpaint.patch.fingerprint import same
from overpaint.patch.patch import Patch

__all__ = ["Overlap", "interference"]


@dataclass(frozen=True)
class Overlap:
    """What two changes of one parameter have to do with each other.

    Attributes:
        name: of the parameter.
        shared: how alike their input directions are, weighted by strength: the cosine of ``A^T A`` and ``B^T B``, from
            0 (each reads what the other ignores: no interference) to 1 (both read the same).
        agreement: the cosine of A and B as they are, from -1 (they cancel) over 0 to 1 (they do the same).
    """

    name: str
    shared: float
    agreement: float


def interference(a: Patch, b: Patch) -> list[Overlap]:
    """The overlap of two patches in every parameter that both change, the largest first.

    Changes by a map of what layers read (`Mapped`) are compared by their maps. Raises PatchError if the patches were
    made for different models.
    """
    found = []
    for name in sorted(set(a.deltas) & set(b.deltas)):
        if not same(a.base[name], b.base[name]):
            raise PatchError(f"the patches were made for different models: see {name}")
        found.append(_overlap(name, a.deltas[name], b.deltas[name]))
    return sorted(found, key=lambda overlap: -overlap.shared)


def _overlap(name: str, a: Delta, b: Delta) -> Overlap:
    x, y = _matrix(a), _matrix(b)
    shared = _cosine((x @ y.mT).norm() ** 2, (x @ x.mT).norm() * (y @ y.mT).norm())
    agreement = _cosine((x * y).sum(), x.norm() * y.norm()) if x.shape == y.shape else 0.0
    return Overlap(name, shared, agreement)


def _cosine(product: Tensor, norms: Tensor) -> float:
    return float(product / norms) if norms > 0 else 0.0


def _matrix(delta: Delta) -> Tensor:
    """Two axes, the last of which is what the layer reads."""
    if isinstance(delta, Mapped):
        parts = [delta.map.matrix(), *([] if delta.rest is None else [delta.rest.matrix()])]
        return torch.cat(parts)
    change = delta.matrix()
    return change.reshape(len(change), -1) if change.ndim else change.reshape(1, 1)
