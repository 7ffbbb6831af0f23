"""Folders that are either whole or as they were."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from overpaint.files import TEMPORARY

__all__ = ["replacing_folder"]


@contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """Give the name of a folder to make beside ``path``; it takes that name if nothing is raised.

    The old folder is renamed before and deleted after, so that one of the two is whole whenever the program is killed.
    A symbolic link is followed rather than replaced.

    Raises:
        OSError: as renaming would raise; the old folder is there as it was.
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = (target.with_name(f"{TEMPORARY}{os.urandom(8).hex()}") for _ in range(2))
    try:
        yield fresh
        if target.exists():
            target.rename(old)
        try:
            fresh.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
