"""The file that patches and guards are kept in: safetensors, with one JSON document in its metadata.

Nothing in it can run code. The document stands under the single key ``overpaint``: several would be written in random
order. It holds a digest of itself and the tensors, so that a file in which a single bit has changed is refused instead
of changing a model in another way than it was made to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from overpaint.errors import PatchError
from overpaint.files import write_bytes_atomic
from overpaint.json_reading import from_json
from overpaint.tensors import digest_of

__all__ = ["VERSION", "described", "opened", "read", "write"]

KEY = "overpaint"
DIGEST = "digest"
VERSION = 1
"""Of the file format; a reader refuses every other."""
LONGEST = 200
"""Letters that are told of why a file cannot be read."""
PICKLES = (b"PK\x03\x04", *(bytes((0x80, protocol)) for protocol in range(2, 6)), b"\x1f\x8b")
"""How files of torch.save and of pickle begin, and packed ones."""


def write(path: str | Path, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> Path:
    """Write tensors and what describes them, whole or not at all; equal contents give equal bytes."""
    text = described(tensors, {"version": VERSION, **document})
    return write_bytes_atomic(path, to_bytes(dict(tensors), {KEY: text}))


def described(tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> str:
    """The document as it is written, with the digest."""
    return json.dumps({**document, DIGEST: _digest(tensors, document)}, sort_keys=True)


def read(path: str | Path, *, tensors: bool = True) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The document and, unless not wanted, the tensors of a file.

    Raises PatchError, without the path, if the file is missing, damaged, not ours, or of another format version.
    """
    if not Path(path).is_file():
        raise PatchError("no such file; give a patch.safetensors")
    with opened(path) as file:
        document = _document(file.metadata())
        found = {name: file.get_tensor(name) for name in file.keys()} if tensors else {}
    digest = document.pop(DIGEST, None)
    if tensors and digest != _digest(found, document):
        raise PatchError("is damaged: it is not what was written; make or fetch it again")
    return document, found


@contextmanager
def opened(path: str | Path) -> Iterator[Any]:
    """A safetensors file of unknown origin, to be read within.

    Raises PatchError, without the path, if it is a pickle, damaged, or names a tensor by what is no plain text.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            if not all(name.isprintable() for name in file.keys()):
                raise PatchError("is damaged: the name of a tensor is no plain text")
            yield file
    except (SafetensorError, OSError, RuntimeError, ValueError, KeyError, AttributeError) as error:
        # asked only now: the length that a whole file begins with may look like a pickle
        with Path(path).open("rb") as unknown:
            pickled = unknown.read(4).startswith(PICKLES)
        if pickled:
            raise PatchError(
                "is a pickle, which can run code, and is not read; convert it to .safetensors where that is safe"
            ) from None
        reason = " ".join(str(error).split())[:LONGEST]  # which may repeat a whole header
        raise PatchError(f"is damaged or no safetensors file ({reason})") from None


def _digest(tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> str:
    content = json.dumps([document, digest_of(tensors)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _document(metadata: dict[str, str] | None) -> dict[str, Any]:
    if KEY not in (metadata or {}):
        raise PatchError("is a safetensors file but no patch of Overpaint")
    try:
        document = from_json((metadata or {})[KEY], finite=False)
    except ValueError:
        raise PatchError("is damaged: its description is no JSON") from None
    version = document.get("version") if isinstance(document, dict) else None
    if version != VERSION:
        raise PatchError(f"has format version {repr(version)[:40]}, this Overpaint reads {VERSION}; update it")
    return dict(document)
