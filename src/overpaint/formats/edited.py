"""A model with a patch as its files would hold it, while the model itself stays as it is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from overpaint.backbone.parameters import resolve
from overpaint.formats.checkpoint import Tensors
from overpaint.formats.families import tensors_of
from overpaint.formats.stored import stored_types
from overpaint.patch import Patch

__all__ = ["edited_tensors"]


def edited_tensors(pipe: Any, patch: Patch, dtype: torch.dtype | None = None) -> Tensors:
    """What gives a component's tensors with the patch by published name, on the CPU.

    The patch is added in the type that the base's files have, whatever the pipeline was loaded in, and is rounded once.

    Args:
        pipe: the base model.
        patch: one that was made for it.
        dtype: what the tensors are given in after that; None is the files' own types.

    Raises:
        PatchError: the patch was made for other weights.
    """
    types = stored_types(pipe)
    edited = {_memory(resolve(pipe, name)): value for name, value in patch.edited(pipe, types).items()}

    def tensors(component: str, module: nn.Module) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name, tensor in tensors_of(module).items():
            value = edited.get(_memory(tensor))  # not by name: a tied one has several
            if value is None:
                value = tensor.cpu().to(types.get(f"{component}.{name}", tensor.dtype))
            found[name] = value.to(dtype) if dtype is not None and value.is_floating_point() else value
        return found

    return tensors


def _memory(tensor: Tensor) -> tuple[int, int]:
    return tensor.data_ptr(), tensor.numel()
