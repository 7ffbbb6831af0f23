"""A patch as LoRA layers: exact where it is low-rank, else its nearest of lower rank with the error told.

A LoRA file holds changes of matrices and of convolution kernels. Changes of biases, norms, embedding tables and the
autoencoder have no place in it and are left out by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.parameters import resolve
from overpaint.errors import PatchError
from overpaint.formats.places import module_of
from overpaint.linear.lowrank import Factors, compress
from overpaint.linear.precision import exact
from overpaint.patch import Delta, Dense, LowRank, Mapped, Patch

__all__ = ["DENSE_RANK", "Adapter", "Layer", "adapter_of"]

DENSE_RANK = 64
"""The rank that whole-matrix changes are cut to unless another is asked for."""
NOISE = 1e-7
"""Singular values below this share of the largest are rounding of float32."""
EXACT = 1e-6
"""Relative error up to which a layer counts as exact: the rounding of its factors."""


@dataclass(frozen=True, eq=False)
class Layer:
    """The change of one layer, ``up @ down``.

    Attributes:
        up: (out, r).
        down: (r, in), or (r, in x height x width) of a convolution.
        kernel: (height, width) of a convolution, else None.
        error: norm of what the layer misses of the change it stands for, as a share of that change's.
        norm: Frobenius norm of the change.
    """

    up: Tensor
    down: Tensor
    kernel: tuple[int, ...] | None
    error: float
    norm: float

    @property
    def rank(self) -> int:
        """r"""
        return len(self.down)


@dataclass(frozen=True, eq=False)
class Adapter:
    """All layers of a patch.

    Attributes:
        layers: by canonical layer name.
        left_out: parameters that a LoRA cannot hold, with the norms of their changes.
    """

    layers: Mapping[str, Layer]
    left_out: Mapping[str, float] = field(default_factory=dict)

    @property
    def error(self) -> float:
        """What is missed of the whole patch, as a share of its norm; layers that were left out count whole."""
        missed = sum((a.error * a.norm) ** 2 for a in self.layers.values()) + sum(n**2 for n in self.left_out.values())
        total = sum(layer.norm**2 for layer in self.layers.values()) + sum(n**2 for n in self.left_out.values())
        return sqrt(missed / total) if total else 0.0

    @property
    def exact(self) -> bool:
        """Whether nothing but rounding is missed."""
        return not self.left_out and all(layer.error <= EXACT for layer in self.layers.values())


def adapter_of(patch: Patch, pipe: Any, rank: int | None = None, dtype: torch.dtype = torch.float32) -> Adapter:
    """A patch as LoRA layers.

    Args:
        patch: one that was made for ``pipe``.
        pipe: the base model, which knows the layers' kinds and what `Mapped` changes amount to.
        rank: the largest rank; None keeps low-rank changes as they are and cuts others to `DENSE_RANK`.
        dtype: of the factors; their rounding counts as error.

    Raises:
        PatchError: the patch was made for other weights or changes nothing, a LoRA can hold nothing of it, or the type
            not its numbers.
    """
    patch.check(pipe)
    if not patch.deltas:
        raise PatchError("the patch changes nothing; there is nothing to export")
    layers: dict[str, Layer] = {}
    left_out: dict[str, float] = {}
    for name, delta in patch.deltas.items():
        base = resolve(pipe, name)
        if _holdable(name, base):
            layer = layers[module_of(name)] = _layer(delta, base, rank, dtype)
            if not (bool(torch.isfinite(layer.up).all()) and bool(torch.isfinite(layer.down).all())):
                raise PatchError(f"{name}: the factors of its change are too large for {str(dtype)[6:]}; take float32")
        else:
            left_out[name] = float(delta.of(exact(base.detach())).norm())
    if left_out and not layers:
        raise PatchError(
            f"a LoRA cannot hold this patch: it changes only biases, norms, embeddings or the autoencoder"
            f" ({next(iter(left_out))}); write a folder or a checkpoint with overpaint patch apply"
        )
    return Adapter(layers, left_out)


def _holdable(name: str, base: Tensor) -> bool:
    return (
        base.ndim in (2, 4) and name.endswith(".weight") and "_embedding." not in name and not name.startswith("vae.")
    )


def _layer(delta: Delta, base: Tensor, rank: int | None, dtype: torch.dtype) -> Layer:
    plain = delta.plain(base) if isinstance(delta, Mapped) else delta
    whole = plain.matrix().reshape(len(base), -1)
    up, down = _factors(plain, whole, rank)
    up, down = up.to(dtype), down.to(dtype)
    norm = float(whole.norm())
    missed = float((whole - up.double() @ down.double()).norm())
    return Layer(up, down, tuple(base.shape[2:]) or None, missed / norm if norm else 0.0, norm)


def _factors(plain: LowRank | Dense, whole: Tensor, rank: int | None) -> Factors:
    if isinstance(plain, LowRank):
        return compress(Factors(plain.up.double(), plain.down.double()), NOISE, rank)
    u, s, vh = torch.linalg.svd(whole, full_matrices=False)
    kept = s > NOISE * s[0]
    kept[DENSE_RANK if rank is None else rank :] = False
    root = s[kept].sqrt()
    return Factors(u[:, kept] * root, root[:, None] * vh[kept])
