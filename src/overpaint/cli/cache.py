"""Statistics that take minutes and belong to a model, not to a run, are kept for the next run as well.

They are found by content (model, tokenizer, captions, block), so nothing in the cache can be wrong; it may be deleted.
Memories of concepts stay in their run's folder: what somebody edits is his own affair.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from overpaint.methods.store import MemoryStore
    from overpaint.runs.bank import MemoryBank

__all__ = ["SharingStore", "cache_folder"]

_log = logging.getLogger(__name__)

VARIABLE = "OVERPAINT_CACHE"


def cache_folder() -> Path | None:
    """``$OVERPAINT_CACHE``, by default the user's cache folder; None where the variable is set to nothing."""
    said = os.environ.get(VARIABLE)
    if said is not None:
        return Path(said).expanduser() if said else None
    base = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if os.name == "nt" else None)
    return (Path(base) if base else Path("~/.cache").expanduser()) / "overpaint"


class SharingStore:
    """A run's bank, and a cache for what is about no concept."""

    def __init__(self, bank: MemoryStore, cache: MemoryBank) -> None:
        self.bank = bank
        self.cache = cache

    def get(self, key: str) -> dict[str, torch.Tensor] | None:
        """What is stored under ``key`` in the bank, else in the cache."""
        found = self.bank.get(key)
        return self.cache.get(key) if found is None else found

    def put(self, key: str, tensors: dict[str, torch.Tensor], meta: dict[str, str]) -> None:
        """Store in the bank, or in the cache if no concept is named; a cache that cannot be written is none."""
        if "source" not in meta:
            try:
                return self.cache.put(key, tensors, meta)
            except OSError as error:
                _log.warning("the cache %s cannot be written (%s)", self.cache.folder, error.strerror)
        self.bank.put(key, tensors, meta)

    def keep(self, key: str, tensors: dict[str, torch.Tensor], meta: dict[str, str]) -> dict[str, torch.Tensor]:
        """See `MemoryStore`: what is about a concept stays in the bank."""
        return self.bank.keep(key, tensors, meta)
