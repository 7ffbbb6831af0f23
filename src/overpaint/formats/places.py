"""Where the tensors of a diffusers component stand in an original checkpoint.

Original files name tensors otherwise, lay some of them out otherwise, and keep several as one. Nothing is computed on
the way: values are copied, so what is written is equal to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from overpaint.errors import BackboneError

__all__ = ["Layout", "Place", "laid_out", "module_of", "place_names", "renamed"]

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


def laid_out(tensors: Mapping[str, Tensor], places: Mapping[str, Place]) -> dict[str, Tensor]:
    """The tensors as the original file has them; parts of one are joined in their order."""
    parts: dict[str, dict[int, Tensor]] = {}
    for name, tensor in tensors.items():
        place = places[name]
        parts.setdefault(place.key, {})[place.part or 0] = place.put(tensor)
    return {
        key: found[0] if len(found) == 1 else torch.cat([found[i] for i in sorted(found)])
        for key, found in parts.items()
    }


def module_of(name: str) -> str:
    """The layer that a ``weight`` or ``bias`` belongs to."""
    return name.rpartition(".")[0]
