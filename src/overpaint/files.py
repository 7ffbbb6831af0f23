"""Files that are either whole or absent, and file names that are safe whatever a concept is called."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["TEMPORARY", "replacing", "safe_name", "write_bytes_atomic", "write_json_atomic", "write_text_atomic"]

TEMPORARY = ".overpaint-"
"""How the names of unfinished files begin; whatever carries it after a crash may be removed."""


@contextmanager
def replacing(path: str | Path, *, durable: bool = True, over: bool = True) -> Iterator[Path]:
    """Give a temporary name (same folder, same suffix) to write to; it becomes ``path`` if nothing is raised.

    With ``over=False`` a file that is there by then stays, however many processes write at once: the first one wins.

    At every moment ``path`` holds the old bytes or the new ones, through a power cut too if ``durable`` (which waits
    for the disk; leave it out for many small files that are checked when read). The folder is made if missing, a
    symbolic link is followed rather than replaced, and the permissions of an old file are kept.

    Raises:
        OSError: as ``open`` would raise, with the name of ``path`` even if the disk is full; nothing is left behind.
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{TEMPORARY}{os.urandom(8).hex()}{target.suffix}")
    try:
        yield temporary
        if durable:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        if over:
            if target.exists():
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            temporary.replace(target)
        else:
            _claim(temporary, target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(temporary)):
            error.filename = str(target)  # a full disk names no file, and the temporary name says nothing
        raise
    if durable:
        _sync_folder(target.parent)


def write_bytes_atomic(path: str | Path, data: bytes) -> Path:
    """Write ``data`` as `replacing` does; returns ``path`` as a `Path`."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return Path(path)


def write_text_atomic(path: str | Path, text: str) -> Path:
    """As `write_bytes_atomic`, UTF-8, with line feeds as they are in ``text`` on every system."""
    return write_bytes_atomic(path, text.encode("utf-8"))


def write_json_atomic(path: str | Path, value: Any) -> Path:
    """As `write_bytes_atomic`, JSON with two-space indent, keys in the order given; NaN is refused (not JSON).

    Raises:
        TypeError, ValueError: ``value`` is not JSON; the old file stays.
    """
    return write_text_atomic(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def safe_name(text: str, length: int = 40) -> str:
    """A file name for ``text``: a readable slug of [a-z0-9-] and 10 digits of its hash, so different texts never meet.

    >>> safe_name("../Crème brûlée")
    'creme-brulee-c18b9fdd45'
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:length].strip("-")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{slug}-{digest}" if slug else digest


def _claim(temporary: Path, target: Path) -> None:
    """Give ``temporary`` the name ``target`` unless that is taken; either way the temporary name goes."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links: a rename that nearly always comes first or not at all
        if not target.exists():
            temporary.replace(target)
            return
    temporary.unlink()


def _sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` outlive a power cut, where the system can (Windows cannot open a folder)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        pass  # some network file systems refuse to sync folders; the file itself is written
    finally:
        os.close(handle)
