"""One writer per folder. The system drops the lock with its process, so a killed run never leaves a stale one."""

from __future__ import annotations

import json
import os
import platform
from contextlib import suppress
from pathlib import Path

from overpaint.errors import RunError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["FolderLock"]

NAME = ".lock"


class FolderLock:
    """Held from construction to `release` (or the end of the process).

    Raises:
        RunError: somebody else holds it, or the file system has no locks.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._handle: int | None = None
        while self._handle is None:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _lock(handle, self._path)
                # Between opening and locking, its last holder may have removed the file: then this lock guards nothing.
                if _same_file(handle, self._path):
                    self._handle = handle
            finally:
                if self._handle is None:
                    os.close(handle)
        with suppress(OSError):  # a full disk: who holds the lock is only told
            os.ftruncate(self._handle, 0)
            os.write(self._handle, json.dumps({"pid": os.getpid(), "host": platform.node()}).encode())

    def release(self) -> None:
        """Let others write; a second call does nothing."""
        if self._handle is not None:
            if fcntl is not None:  # Windows does not remove open files
                self._path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None


def _lock(handle: int, path: Path) -> None:
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            os.lseek(handle, 1 << 20, os.SEEK_SET)  # far behind the content, which others must be able to read
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
            os.lseek(handle, 0, os.SEEK_SET)
    except (BlockingIOError, PermissionError) as error:
        raise RunError(
            f"{path.parent} is being written by {_holder(handle)}; wait for it or choose another folder"
        ) from error
    except OSError as error:
        raise RunError(f"cannot lock {path.parent} ({error.strerror}); choose a folder on a local disk") from error


def _holder(handle: int) -> str:
    try:
        os.lseek(handle, 0, os.SEEK_SET)
        holder = json.loads(os.read(handle, 4096))
        return f"process {int(holder['pid'])} on {holder['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
