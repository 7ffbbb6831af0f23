"""Plan files: bounded, UTF-8, and told apart by their ending."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from overpaint.errors import PlanError
from overpaint.plan import table
from overpaint.plan.building import Include, build
from overpaint.plan.marked import Item, from_data, from_yaml
from overpaint.plan.plan import Plan
from overpaint.plan.where import Problems, Where

__all__ = ["parse", "read", "text_of"]

MAX_BYTES = 4 * 2**20


def read(path: str | Path, *, check_images: bool = True, include: Include | None = None) -> Plan:
    """The plan in a ``.yaml``, ``.yml``, ``.json`` or ``.csv`` file. See `Plan.read`.

    Arguments:
        include: reads the table that ``edits: table.csv`` names; by default from the plan's folder.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".yaml", ".yml", ".json", ".csv"):
        raise PlanError(f"{path}:1: unknown ending {suffix or 'none'}; name plans .yaml, .yml, .json or .csv")
    text, problems = _content(path), Problems()
    if suffix == ".csv":
        start = Where(str(path), 1)
        edits, preserve = table.rows(text, str(path), problems)
        pairs = {"edits": edits, "preserve": preserve}
        root = Item(
            tuple((Item(key, start, key), Item(value, start)) for key, value in pairs.items()), start, mapping=True
        )
    else:
        document = from_yaml(text, partial(Where, str(path)), json=suffix == ".json")
        if document is None:
            raise PlanError(f"{path}:1: an empty file; write at least edits: [{{erase: pizza}}]")
        root = document
    include = include or (lambda item, more: _table(item, path.parent, more))
    return build(root, path.parent, problems, include, check_images=check_images)


def parse(data: Mapping[str, Any], *, folder: Path, check_images: bool = True) -> Plan:
    """The plan in Python data. See `Plan.parse`."""
    root = from_data(data)
    return build(root, folder, Problems(), lambda item, more: _table(item, folder, more), check_images=check_images)


def _table(item: Item, folder: Path, problems: Problems) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """The rows of the table that ``edits: table.csv`` names."""
    with problems.at(item.where):
        path = folder / str(item.value)
        if path.suffix.lower() != ".csv":
            raise PlanError(
                "edits is text but no .csv file; write a list (each line begins with '- ') or a table's name"
            )
        if "\0" in str(path) or not path.exists():
            raise PlanError(f"no table at {str(path)!r}; names are relative to the plan's folder, mend it")
        text = _content(path)
        return table.rows(text, str(path), problems)
    return (), ()


def text_of(path: Path) -> str:
    """A file that somebody wrote, of 4 MiB at most.

    Raises:
        PlanError: it cannot be read, is larger, or is no UTF-8 text.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise PlanError(f"{path}:1: cannot read the file ({reason}); check the path") from error
    if len(data) > MAX_BYTES:
        raise PlanError(f"{path}:1: larger than {MAX_BYTES // 2**20} MiB; is this the right file? Split it if so")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PlanError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from error


def _content(path: Path) -> str:
    text = text_of(path)
    if not text.strip():
        raise PlanError(
            f"{path}:1: an empty file; write at least edits: [{{erase: pizza}}], or a header and rows in CSV"
        )
    return text
