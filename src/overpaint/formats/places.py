"""Where the tensors of a diffusers component stand in an original checkpoint.

Original files name tensors otherwise, lay some of them out otherwise, and keep several as one. Nothing is computed on
the way: values are copied, so what is written is equal to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from overpaint.errors import BackboneError

__all__ = ["Layout", "Place", "joined", "laid_out", "module_of", "place_names", "renamed", "taken"]

Form = Literal["same", "transposed", "kernel", "swapped"]


@dataclass(frozen=True)
class Place:
    """Where one tensor goes.

    Attributes:
        key: the tensor's name in the original file.
        part: which of several tensors that the file keeps as one (query, key, value), along the first axis.
        form: how it is laid out: as it is, transposed, as the kernel of a 1x1 convolution, or with its halves swapped
            (the original adaptive norm gives shift before scale).
    """

    key: str
    part: int | None = None
    form: Form = "same"

    def under(self, prefix: str) -> Place:
        """The same place in a file where this component's names begin so."""
        return replace(self, key=prefix + self.key)

    def put(self, tensor: Tensor) -> Tensor:
        """The tensor as the original file has it."""
        if self.form == "transposed":
            return tensor.mT.contiguous()
        if self.form == "kernel":
            return tensor[:, :, None, None]
        if self.form == "swapped":
            return torch.cat(tensor.chunk(2)[::-1])
        return tensor

    def take(self, tensor: Tensor) -> Tensor:
        """The tensor as diffusers has it: what undoes `put`."""
        if self.form == "kernel":
            return tensor.reshape(tensor.shape[:2])
        return self.put(tensor)


Layout = Callable[[Collection[str]], dict[str, Place]]
"""From a component's tensor names to their places; BackboneError for a name that has none."""


def renamed(name: str, pairs: Mapping[str, str]) -> str:
    """``name`` with the first of the beginnings that it has replaced. BackboneError if it has none of them."""
    for old, new in pairs.items():
        if name == old or name.startswith(f"{old}."):
            return new + name.removeprefix(old)
    raise BackboneError(f"{name}: the original layout of this model has no place for it; write a diffusers folder")


def place_names(layout: Layout, prefix: str, names: Collection[str]) -> dict[str, Place]:
    """The places of a component's tensors in a file where its names begin with ``prefix``."""
    return {name: place.under(prefix) for name, place in layout(names).items()}


def joined(places: Mapping[str, Place]) -> dict[str, list[str]]:
    """Of each key, the names of the tensors that the file keeps under it, in their order."""
    found: dict[str, list[str]] = {}
    for name in sorted(places, key=lambda name: places[name].part or 0):
        found.setdefault(places[name].key, []).append(name)
    return found


def laid_out(tensors: Mapping[str, Tensor], places: Mapping[str, Place]) -> dict[str, Tensor]:
    """The tensors as the original file has them; parts of one are joined in their order."""
    parts = {
        key: [places[name].put(tensors[name]) for name in names]
        for key, names in joined({name: places[name] for name in tensors}).items()
    }
    return {key: found[0] if len(found) == 1 else torch.cat(found) for key, found in parts.items()}


def taken(tensor: Tensor, names: Sequence[str], places: Mapping[str, Place], sizes: Sequence[int]) -> dict[str, Tensor]:
    """The tensors that the file keeps as one (rows, ...), by name, where they have ``sizes`` rows.

    Raises ValueError if the rows do not come out even.
    """
    if len(names) > 1 and len(tensor) != sum(sizes):
        raise ValueError(f"has {len(tensor)} rows where {' + '.join(map(str, sizes))} are meant")
    parts = tensor.split(list(sizes)) if len(names) > 1 else [tensor]
    return {name: places[name].take(part) for name, part in zip(names, parts, strict=True)}


def module_of(name: str) -> str:
    """The layer that a ``weight`` or ``bias`` belongs to."""
    return name.rpartition(".")[0]
