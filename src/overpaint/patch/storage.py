"""The patch file: tensors and one JSON document (`overpaint.patch.container`). Nothing in it can run code.

Tensors are called ``<parameter>.up`` and ``<parameter>.down``, or ``<parameter>.value`` for a dense change. A map that
parameters share is there once, as ``map.<number>`` instead of a parameter. The document::

    {"version": 1, "base": {parameter: fingerprint}, "maps": {parameter: "map.<number>"}, "provenance": {...}}

``maps`` is left out where there are none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from overpaint.errors import PatchError
from overpaint.patch import container
from overpaint.patch.delta import Delta, Dense, LowRank, Mapped, Plain
from overpaint.patch.provenance import well_formed

__all__ = ["load", "maps", "save", "shared", "tensors"]

FIELDS = ("up", "down", "value")


def shared(deltas: Mapping[str, Delta]) -> dict[str, Delta]:
    """The same changes with equal maps made one object."""
    known: dict[str, Plain] = {}
    seen: dict[int, Plain] = {}
    found = dict(deltas)
    for name, delta in deltas.items():
        if isinstance(delta, Mapped):
            if id(delta.map) not in seen:
                seen[id(delta.map)] = known.setdefault(_content(delta.map), delta.map)
            found[name] = Mapped(seen[id(delta.map)], delta.rest)
    return found


def maps(deltas: Mapping[str, Delta]) -> dict[str, str]:
    """Of each parameter that is changed by a map, the name under which it is stored."""
    numbers: dict[int, int] = {}
    mapped = {name: id(delta.map) for name, delta in deltas.items() if isinstance(delta, Mapped)}
    return {name: f"map.{numbers.setdefault(key, len(numbers))}" for name, key in mapped.items()}


def tensors(deltas: Mapping[str, Delta]) -> dict[str, Tensor]:
    """All tensors as they are stored, maps first."""
    parts: dict[str, dict[str, Tensor]] = {}
    for name, key in maps(deltas).items():
        delta = deltas[name]
        assert isinstance(delta, Mapped)
        parts[key] = delta.map.tensors
    parts.update({name: delta.tensors for name, delta in deltas.items()})
    return {f"{name}.{field}": value for name, fields in parts.items() for field, value in fields.items()}


def save(path: str | Path, deltas: Mapping[str, Delta], base: Mapping[str, str], provenance: dict[str, Any]) -> Path:
    """Write a patch file, whole or not at all; equal contents give equal bytes."""
    document: dict[str, Any] = {"base": dict(base), "provenance": provenance}
    if mapped := maps(deltas):
        document["maps"] = mapped
    return container.write(path, tensors(deltas), document)


def load(path: str | Path) -> tuple[dict[str, Delta], dict[str, str], dict[str, Any]]:
    """Deltas, base fingerprints and provenance of a patch file.

    Raises PatchError, without the path, if the file is missing, damaged, no patch, or of another format version.
    """
    document, found = container.read(path)
    if "guard" in document:
        raise PatchError("is a guard, which acts while pictures are drawn and changes no weights; draw with it")
    base, provenance, mapped = document.get("base"), document.get("provenance"), document.get("maps", {})
    if not isinstance(base, dict) or not isinstance(provenance, dict):
        raise PatchError("is damaged: base or provenance missing")
    if not all(isinstance(value, str) for value in base.values()):
        raise PatchError("is damaged: a base fingerprint is no text")
    if not all(name.isprintable() for name in base):
        raise PatchError("is damaged: the name of a parameter is no plain text")
    if not well_formed(provenance):
        raise PatchError("is damaged: what it says of how it was made cannot be read")
    if not isinstance(mapped, dict) or not set(mapped) <= set(base):
        raise PatchError("is damaged: a map belongs to no parameter of the patch")
    plain = {key: _plain(key, found) for key in sorted(set(map(str, mapped.values())))}
    deltas = {name: _delta(name, found, plain[str(mapped[name])] if name in mapped else None) for name in base}
    if found:
        raise PatchError(f"is damaged: {sorted(found)[0]} belongs to no parameter of the patch")
    return deltas, base, provenance


def _delta(name: str, found: dict[str, Tensor], mapped: Plain | None) -> Delta:
    """The change of one parameter, its tensors taken out of ``found``."""
    if mapped is None:
        return _plain(name, found)
    rest = _plain(name, found) if any(f"{name}.{field}" in found for field in FIELDS) else None
    try:
        return Mapped(mapped, rest)
    except ValueError as error:
        raise PatchError(f"is damaged: {name}: {error}") from None


def _plain(name: str, found: dict[str, Tensor]) -> Plain:
    parts = {field: found.pop(f"{name}.{field}", None) for field in FIELDS}
    given = {field: tensor for field, tensor in parts.items() if tensor is not None}
    if any(tensor.dtype != torch.float32 for tensor in given.values()):
        raise PatchError(f"is damaged: the change of {name} is not in float32")
    try:
        if set(given) == {"up", "down"}:
            return LowRank(given["up"], given["down"])
        if set(given) == {"value"}:
            return Dense(given["value"])
    except ValueError as error:
        raise PatchError(f"is damaged: {name}: {error}") from None
    raise PatchError(f"is damaged: the change of {name} is not whole")


def _content(plain: Plain) -> str:
    digest = hashlib.sha256()
    for field, tensor in plain.tensors.items():
        digest.update(f"{field} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
