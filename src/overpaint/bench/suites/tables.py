"""Reading the authors' files: a wrong one is told by its name and what it lacks, before anything is drawn."""

from __future__ import annotations

import ast
import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from overpaint.errors import OverpaintError

__all__ = ["listed", "read_csv", "read_json", "whole"]


def read_csv(path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    """The rows of a CSV file in UTF-8 with a header; other columns stay.

    Raises:
        OverpaintError: it is missing, no text, empty, or lacks one of the ``columns``.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError as error:
        raise OverpaintError(f"{path}: not there; point --data at a copy of the authors' release") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OverpaintError(f"{path}: cannot be read ({error}); take the authors' file") from error
    missing = [column for column in columns if not rows or column not in rows[0]]
    if missing:
        raise OverpaintError(
            f"{path}: {'no rows' if not rows else f'no column {missing[0]!r}'}; take the authors' file"
        )
    short = next((n for n, row in enumerate(rows, 2) if any(row[column] is None for column in columns)), None)
    if short is not None:
        raise OverpaintError(f"{path}:{short}: too few cells; take the authors' file")
    return rows


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises OverpaintError, as `read_csv`."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise OverpaintError(f"{path}: not there; point --data at a copy of the authors' release") from error
    except (OSError, ValueError) as error:
        raise OverpaintError(f"{path}: cannot be read ({error}); take the authors' file") from error


def listed(cell: str, where: str) -> Sequence[Any]:
    """A cell that holds a list as Python writes it. Raises OverpaintError if it does not."""
    try:
        value = ast.literal_eval(cell)
    except (ValueError, SyntaxError) as error:
        raise OverpaintError(f"{where}: {cell[:40]!r} is no list; take the authors' file") from error
    if not isinstance(value, list):
        raise OverpaintError(f"{where}: {cell[:40]!r} is no list; take the authors' file")
    return value


def whole(value: Any, where: str) -> int:
    """A whole number, also written as text or with ``.0``. Raises OverpaintError if it is none."""
    try:
        number = float(value)
        if number == int(number):
            return int(number)
    except (TypeError, ValueError, OverflowError):
        pass
    raise OverpaintError(f"{where}: {value!r} is no whole number; take the authors' file")
