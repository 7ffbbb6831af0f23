"""What a kind of fuzzed case is, and commands as a person gives them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from overpaint.cli.app import app
from overpaint.errors import OverpaintError

__all__ = ["Files", "Kind", "command"]

Files = dict[str, bytes]
"""What is in the files of a case, by their paths in its folder."""


@dataclass(frozen=True)
class Kind:
    """A kind of cases.

    Attributes:
        name: for tables.
        share: how many cases there are of it, beside those of other kinds.
        make: the files of a case.
        judge: reads them from a folder as the library and its commands do. It returns if what was read is right, lets
            the library's error out if it was refused, and raises anything else where something is wrong.
    """

    name: str
    share: int
    make: Callable[[random.Random], Files]
    judge: Callable[[Path], None]


def command(*words: object) -> str:
    """What a command prints; OverpaintError if it ends with lines that say what is wrong, as it should."""
    found = CliRunner().invoke(app, [str(word) for word in words])
    if found.exit_code == 0:
        return found.stdout
    lines = found.stderr.splitlines()
    if found.exit_code == 2 and lines and all(line.startswith("error: ") for line in lines):
        raise OverpaintError(lines[0].removeprefix("error: "))
    raise found.exception or AssertionError(f"exit code {found.exit_code}")
