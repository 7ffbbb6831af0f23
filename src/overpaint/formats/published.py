"""Edits that others published, as patches: what they did can be applied, scaled, added and measured like our own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overpaint.errors import PatchError
from overpaint.formats.lora_reading import is_lora, patch_of_lora
from overpaint.formats.weights import ESD_FORMAT, patch_of_weights
from overpaint.patch import Patch
from overpaint.patch.container import KEY, opened

__all__ = ["read_published"]

TOLD = {
    "train_method": "method",
    "erase_concept": "concept",
    "erase_from": "erase_from",
    "base_model_id": "published_for",
}
"""What ESD's header says, and what we call it."""


def read_published(path: str | Path, pipe: Any, model: str | None = None) -> Patch:
    """A patch that does what the file does.

    Args:
        path: a ``.safetensors`` file: changed weights of ESD, UCE or Concept Ablation (`overpaint.formats.weights`), or
            a LoRA of LECO, concept sliders or any trainer (`overpaint.formats.lora_reading`).
        pipe: the model that it was made for.
        model: what that is called, for the patch to remember.

    Raises:
        PatchError: in one line, the file is a pickle, damaged, of a kind that is not known, or not for this model.
    """
    path = Path(path)
    try:
        tensors, header = _read(path)
        told = {ours: header[theirs] for theirs, ours in TOLD.items() if header.get(theirs)}
        kind = "lora" if is_lora(tensors) else "weights"
        provenance = {"model": model or pipe.config.get("_name_or_path"), "published": path.name, "method": kind}
        if header.get("format") == ESD_FORMAT:
            provenance |= told
        return (patch_of_lora if kind == "lora" else patch_of_weights)(tensors, pipe, provenance)
    except PatchError as error:
        raise PatchError(f"{path}: {error}") from None


def _read(path: Path) -> tuple[dict[str, Any], Mapping[str, str]]:
    if not path.is_file():
        raise PatchError("no such file; check the path")
    with opened(path) as file:
        header = file.metadata() or {}
        if KEY in header:
            raise PatchError("is a patch of Overpaint already; use it as it is")
        return {name: file.get_tensor(name) for name in file.keys()}, header
