"""What patches and guards have in common for those who apply, keep and measure them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from overpaint.errors import PatchError
from overpaint.guards.guard import Guard
from overpaint.patch import Patch, container

__all__ = ["Change", "load_change", "scaled"]


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

    def scale(self, factor: float) -> Self:
        """It at another strength; PatchError if it has none."""
        ...

    def save(self, path: Path, /) -> Any:
        """Write one file."""
        ...


AnyChange = TypeVar("AnyChange", bound=Change)


def load_change(path: str | Path) -> Patch | Guard:
    """The patch or the guard in a file. Raises PatchError, in one line, if it holds neither."""
    try:
        document, _ = container.read(path, tensors=False)
    except PatchError as error:
        raise PatchError(f"{path}: {error}") from None
    return Guard.load(path) if "guard" in document else Patch.load(path)


def scaled(change: AnyChange, strength: float) -> AnyChange:
    """The change at a strength; itself at 1, which keeps what it says of itself.

    Raises:
        PatchError: a guard at another strength than 1.
    """
    return change if strength == 1 else change.scale(strength)
