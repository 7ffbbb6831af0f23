"""The patch file: safetensors, with one JSON document in its metadata. Nothing in it can run code.

Tensors are called ``<parameter>.up`` and ``<parameter>.down``, or ``<parameter>.value`` for a dense change. The JSON,
under the single key ``overpaint`` (several keys would be written in random order)::

    {"version": 1, "base": {parameter: fingerprint}, "provenance": {...}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from overpaint.errors import PatchError
from overpaint.files import write_bytes_atomic
from overpaint.patch.delta import Delta, Dense, LowRank

__all__ = ["VERSION", "load", "save"]

KEY = "overpaint"
VERSION = 1
"""Of the file format; a reader refuses every other."""


def save(path: str | Path, deltas: Mapping[str, Delta], base: Mapping[str, str], provenance: dict[str, Any]) -> Path:
    """Write a patch file, whole or not at all; equal contents give equal bytes."""
    tensors = {f"{name}.{field}": value for name, delta in deltas.items() for field, value in delta.tensors.items()}
    document = {"version": VERSION, "base": dict(base), "provenance": provenance}
    return write_bytes_atomic(path, to_bytes(tensors, {KEY: json.dumps(document, sort_keys=True)}))


def load(path: str | Path) -> tuple[dict[str, Delta], dict[str, str], dict[str, Any]]:
    """Deltas, base fingerprints and provenance of a patch file.

    Raises PatchError, without the path, if the file is missing, damaged, no patch, or of another format version.
    """
    if not Path(path).is_file():
        raise PatchError("no such file; give a patch.safetensors")
    try:
        with safe_open(str(path), framework="pt") as file:
            document = _document(file.metadata())
            names = list(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise PatchError(f"is damaged or no safetensors file ({error})") from None
    base, provenance = document.get("base"), document.get("provenance")
    if not isinstance(base, dict) or not isinstance(provenance, dict):
        raise PatchError("is damaged: base or provenance missing")
    if not all(isinstance(value, str) for value in base.values()):
        raise PatchError("is damaged: a base fingerprint is no text")
    deltas = {name: _delta(name, tensors) for name in base}
    if tensors:
        raise PatchError(f"is damaged: {sorted(tensors)[0]} belongs to no parameter of the patch")
    return deltas, base, provenance


def _document(metadata: dict[str, str] | None) -> dict[str, Any]:
    if KEY not in (metadata or {}):
        raise PatchError("is a safetensors file but no patch of Overpaint")
    try:
        document = json.loads((metadata or {})[KEY])
    except ValueError:
        raise PatchError("is damaged: its description is no JSON") from None
    version = document.get("version") if isinstance(document, dict) else None
    if version != VERSION:
        raise PatchError(f"has format version {version!r}, this Overpaint reads {VERSION}; update it")
    return dict(document)


def _delta(name: str, tensors: dict[str, Tensor]) -> Delta:
    """The change of one parameter, its tensors taken out of ``tensors``."""
    parts = {field: tensors.pop(f"{name}.{field}", None) for field in ("up", "down", "value")}
    found = {field: tensor for field, tensor in parts.items() if tensor is not None}
    if any(tensor.dtype != torch.float32 for tensor in found.values()):
        raise PatchError(f"is damaged: the change of {name} is not in float32")
    try:
        if set(found) == {"up", "down"}:
            return LowRank(found["up"], found["down"])
        if set(found) == {"value"}:
            return Dense(found["value"])
    except ValueError as error:
        raise PatchError(f"is damaged: {name}: {error}") from None
    raise PatchError(f"is damaged: the change of {name} is not whole")
