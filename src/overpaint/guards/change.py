"""What patches and guards have in common for those who apply, keep and measure them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from overpaint.errors import PatchError
from overpaint.guards.guard import Guard
from overpaint.patch import Patch, container

__all__ = ["Change", "load_change"]


class Change(Protocol):
    """A patch or a guard."""

    provenance: dict[str, Any]

    @property
    def hash(self) -> str:
        """Of what it does."""
        ...

    @property
    def size(self) -> int:
        """Bytes of its tensors."""
        ...

    def applied_to(self, pipe: Any) -> AbstractContextManager[Any]:
        """A context in which the pipeline draws as changed; leaving restores it."""
        ...

    def save(self, path: Path, /) -> Any:
        """Write one file."""
        ...


def load_change(path: str | Path) -> Patch | Guard:
    """The patch or the guard in a file. Raises PatchError, in one line, if it holds neither."""
    try:
        document, _ = container.read(path, tensors=False)
    except PatchError as error:
        raise PatchError(f"{path}: {error}") from None
    return Guard.load(path) if "guard" in document else Patch.load(path)
