"""What a bank is asked for, one small file for each edit and each preserved concept: whole or absent.

Files are named by a hash of the concept that is edited, so two processes that ask for the same concept at once meet in
one file, and adding or withdrawing one concept touches no other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from overpaint.errors import PlanError, RunError
from overpaint.files import TEMPORARY, replacing
from overpaint.json_reading import from_json
from overpaint.plan import Edit, Plan
from overpaint.plan.checks import folded

__all__ = ["Entries", "identity"]

PICTURES = "pictures"


def identity(edit: Edit) -> str:
    """The concept that an edit is about: two edits of one identity exclude each other."""
    return f"{folded(edit.source)}\0{folded(edit.within or '')}"


class Entries:
    """The folder ``edits/`` of a bank, and ``pictures/`` beside it: copies of what edits show."""

    def __init__(self, bank: Path) -> None:
        self._bank = bank
        self.folder = bank / "edits"

    def edits(self) -> list[Edit]:
        """All edits, in an order that does not depend on when they came.

        Raises:
            RunError: a file is damaged.
        """
        return sorted((edit for _, entry in self._all() if (edit := entry.get("edit"))), key=identity)

    def preserved(self) -> list[str]:
        """All preserved concepts, sorted. RunError as `edits`."""
        return sorted(entry["preserve"] for _, entry in self._all() if "preserve" in entry)

    def put(self, edit: Edit, *, over: bool) -> bool:
        """Store an edit, with copies of its pictures; returns whether it is in force now.

        ``over``: in place of another one of the same concept, which stays otherwise.
        """
        pictures = [_inside(path) for path in edit.images]
        for inside, content in pictures:
            with replacing(self._bank / inside, over=False) as temporary:
                temporary.write_bytes(content)
        path = self._path(identity(edit))
        _write(path, _entry(edit, [inside for inside, _ in pictures]), over=over)
        kept: Edit = self._read(path)["edit"]
        return kept.fingerprint() == edit.fingerprint()

    def size(self, edits: Iterable[Edit], preserve: Iterable[str] = ()) -> int:
        """Bytes of these entries and of the pictures that come with them and are not here yet.

        Raises:
            PlanError: a picture is gone.
        """
        size = sum(len(_text({"preserve": name})) for name in preserve)
        shown: dict[str, int] = {}
        for edit in edits:
            pictures = [_inside(path) for path in edit.images]
            size += len(_text(_entry(edit, [inside for inside, _ in pictures])))
            shown |= {inside: len(content) for inside, content in pictures}
        return size + sum(length for inside, length in shown.items() if not (self._bank / inside).exists())

    def preserve(self, name: str) -> None:
        """Store a concept to preserve."""
        _write(self._path(f"preserve\0{folded(name)}"), {"preserve": name}, over=True)

    def remove(self, edit: Edit) -> None:
        """Forget an edit; its pictures stay, another edit may show them too."""
        self._path(identity(edit)).unlink(missing_ok=True)

    def release(self, name: str) -> None:
        """Preserve a concept no longer."""
        self._path(f"preserve\0{folded(name)}").unlink(missing_ok=True)

    def _all(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        for path in sorted(self.folder.glob("*.json")):
            if path.name.startswith(TEMPORARY):  # another process is about to name it
                continue
            try:
                yield path, self._read(path)
            except FileNotFoundError:  # withdrawn by another process since the folder was listed
                continue

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            entry = from_json(path.read_text(encoding="utf-8"))
            if set(entry) == {"preserve"} and isinstance(entry["preserve"], str):
                return dict(entry)
            (edit,) = Plan.parse({"edits": [entry["edit"]]}, folder=self._bank, check_images=False).edits
            return {"edit": edit.model_copy(update={"where": None})}
        except FileNotFoundError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError, PlanError) as error:
            why = str(error).splitlines()[0]
            raise RunError(f"{path} is damaged ({why}); delete it and add the edit again") from error

    def _path(self, name: str) -> Path:
        return self.folder / f"{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}.json"


def _inside(picture: Path) -> tuple[str, bytes]:
    """The path of a picture's copy in a bank, relative to it, and what is in it."""
    try:
        content = picture.read_bytes()
    except OSError as error:
        raise PlanError(f"cannot read the picture {picture} ({error.strerror}); put it back") from error
    return f"{PICTURES}/{hashlib.sha256(content).hexdigest()}{picture.suffix.lower()}", content


def _entry(edit: Edit, pictures: list[str]) -> dict[str, Any]:
    """What is stored of an edit whose pictures are these in the bank."""
    (words,) = Plan(edits=(edit,)).to_data()["edits"]
    if pictures:
        words["images"] = pictures
    return {"edit": words}


def _text(entry: dict[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=True, indent=1)


def _write(path: Path, entry: dict[str, Any], *, over: bool) -> None:
    with replacing(path, over=over) as temporary:
        temporary.write_text(_text(entry), encoding="utf-8")
