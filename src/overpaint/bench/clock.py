"""How long a fit takes that was stopped on the way: what earlier attempts had kept counts, what they lost does not."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

from overpaint.files import write_json_atomic
from overpaint.json_reading import from_json

if TYPE_CHECKING:
    from torch import Tensor

    from overpaint.methods.store import MemoryStore

__all__ = ["ClockedStore", "noted_seconds"]


class ClockedStore:
    """A store that notes, with whatever is kept in it, how long the fit has taken so far.

    Arguments:
        store: where memories are kept.
        path: the note, a JSON file; one that is there already is gone on from.
    """

    def __init__(self, store: MemoryStore, path: Path) -> None:
        self.store = store
        self.path = path
        try:
            earlier = noted_seconds(path)
        except (OSError, ValueError):
            earlier = 0.0
        self._began = time.monotonic() - earlier

    @property
    def seconds(self) -> float:
        """Since the first attempt began, without what was lost between."""
        return time.monotonic() - self._began

    def get(self, key: str) -> dict[str, Tensor] | None:
        """See `MemoryStore`."""
        return self.store.get(key)

    def put(self, key: str, tensors: dict[str, Tensor], meta: dict[str, str]) -> None:
        """See `MemoryStore`."""
        self.store.put(key, tensors, meta)
        self._note()

    def keep(self, key: str, tensors: dict[str, Tensor], meta: dict[str, str]) -> dict[str, Tensor]:
        """See `MemoryStore`."""
        kept = self.store.keep(key, tensors, meta)
        self._note()
        return kept

    def _note(self) -> None:
        write_json_atomic(self.path, {"seconds": round(self.seconds, 3)})


def noted_seconds(path: Path) -> float:
    """The seconds in a note. Raises OSError if it cannot be read, ValueError if it holds no number of seconds."""
    try:
        seconds = float(from_json(path.read_text(encoding="utf-8"))["seconds"])
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"{path}: no number of seconds") from error
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{path}: {seconds} is no number of seconds")
    return seconds
