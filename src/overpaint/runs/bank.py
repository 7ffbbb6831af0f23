"""Memories on disk: one safetensors file each, named by a hash of its key, whole or absent.

A key says all that a memory depends on (model, tokenizer, block, prompts, source, destination, seed, settings,
version), so a file is right wherever it is found, and a damaged one is simply computed again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from overpaint.files import TEMPORARY, replacing
from overpaint.json_reading import from_json
from overpaint.tensors import digest_of

__all__ = ["MemoryBank"]

_log = logging.getLogger(__name__)


class MemoryBank:
    """A folder of memories.

    Arguments:
        folder: where memories are written; made with the first one.
        reuse: other banks, only read. What is found there is copied, so that this bank stays complete by itself.

    Any number of processes and machines may share a folder: files appear whole, and nobody waits for anybody.
    """

    def __init__(self, folder: str | Path, reuse: Sequence[str | Path] = ()) -> None:
        self.folder = Path(folder)
        self._reuse = [MemoryBank(other) for other in reuse]

    def get(self, key: str) -> dict[str, torch.Tensor] | None:
        """The tensors stored under ``key``, on the CPU, or None if there are none or the file is damaged."""
        found = self._read(self.path_of(key), key)
        if found is not None:
            return found[0]
        for other in self._reuse:
            found = other._read(other.path_of(key), key)
            if found is not None:
                self.put(key, *found)
                return found[0]
        return None

    def put(self, key: str, tensors: Mapping[str, torch.Tensor], meta: Mapping[str, str] | None = None) -> None:
        """Store copies of ``tensors`` (any device) under ``key``; ``meta`` is text for people, no part of the key.

        Raises:
            OSError: the disk is full or cannot be written; what was there stays.
        """
        self._write(key, tensors, meta, over=True)

    def keep(
        self, key: str, tensors: Mapping[str, torch.Tensor], meta: Mapping[str, str] | None = None
    ) -> dict[str, torch.Tensor]:
        """As `put`, unless ``key`` has a memory already; returns the one that is stored.

        However many processes do this at once, all are given the same tensors, but for those that meet a damaged file:
        each of them replaces it. OSError as `put`.
        """
        found = self.get(key)
        for over in (False, True):  # over what is there only once that was read and is damaged: others write as well
            if found is None:
                self._write(key, tensors, meta, over=over)
                found = self.get(key)
        return dict(tensors) if found is None else found

    def merge(self, other: MemoryBank) -> int:
        """Take over what ``other`` has and this one has not, as it is; returns how many. OSError as `put`.

        Damaged files are left out, with a warning in the log.
        """
        taken = 0
        for key in self.lacking(other):
            found = other._read(other.path_of(key), key)
            if found is not None:
                self.keep(key, *found)
                taken += 1
        return taken

    def lacking(self, other: MemoryBank) -> list[str]:
        """Keys of what `merge` would take over, damaged files of ``other`` included."""
        return [key for key in other.keys() if self._read(self.path_of(key), key) is None]

    def tidy(self, age: float = 86400.0) -> None:
        """Remove what killed processes left half-written more than ``age`` seconds ago; others may be at work."""
        for path in self.folder.glob(f"{TEMPORARY}*"):
            with suppress(FileNotFoundError):  # others tidy too
                if time.time() - path.stat().st_mtime > age:
                    path.unlink()

    def meta(self, key: str) -> dict[str, str] | None:
        """The text stored beside a memory, or None if there is no such memory or it is damaged."""
        found = self._read(self.path_of(key), key)
        return None if found is None else found[1]

    def keys(self) -> Iterator[str]:
        """Keys of the memories in this folder, in no meaningful order; headers only, the tensors are not read."""
        return (key for key, _ in self.records())

    def records(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Every key with the text stored beside it; as `keys`, headers only."""
        for path in sorted(self.folder.glob("*.safetensors")):
            try:
                with safe_open(path, framework="pt") as file:
                    words = file.metadata() or {}
                key, meta = words["key"], _meta(words)
            except (SafetensorError, OSError, KeyError, ValueError, TypeError):
                continue
            if self.path_of(key) == path:
                yield key, meta

    def path_of(self, key: str) -> Path:
        """The file for ``key``, there or not. Never named by a concept: names are untrusted and may be private."""
        return self.folder / f"{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}.safetensors"

    def _write(
        self, key: str, tensors: Mapping[str, torch.Tensor], meta: Mapping[str, str] | None, *, over: bool
    ) -> None:
        copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        words = {"key": key, "digest": digest_of(copies), "meta": json.dumps(dict(meta or {}))}
        # Not durable: the digest tells a file that a power cut tore.
        with replacing(self.path_of(key), durable=False, over=over) as temporary:
            temporary.write_bytes(save(copies, metadata=words))

    def _read(self, path: Path, key: str) -> tuple[dict[str, torch.Tensor], dict[str, str]] | None:
        try:
            with safe_open(path, framework="pt") as file:
                words = file.metadata() or {}
                # Copies: a mapped tensor would change or fault with the file under it.
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}
            if words["key"] != key or words["digest"] != digest_of(tensors):
                raise ValueError("the content is not what was written")
            return tensors, _meta(words)
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError) as error:
            _log.warning("%s is damaged (%.200s) and will be computed again", path, error)
            return None


def _meta(words: Mapping[str, str]) -> dict[str, str]:
    """The text beside a memory. KeyError or ValueError if it is none."""
    meta = from_json(words["meta"])
    if not isinstance(meta, dict) or not all(isinstance(text, str) for text in meta.values()):
        raise ValueError("what is said of it is no text")
    return meta
