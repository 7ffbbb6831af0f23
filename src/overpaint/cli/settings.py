"""A method's settings as text for people, in tables and on the page of defaults."""

from __future__ import annotations

from typing import Any

__all__ = ["shown"]

FEW = 6
"""Parts of a setting that are shown; of more, their number is and the first. Numbers are short: all of them are."""


def shown(value: Any) -> str:
    """A setting's value as a plan has it, shortened where it is long."""
    if value is None:
        return "none"
    if isinstance(value, (tuple, dict)) and len(value) > FEW and not all(isinstance(one, int) for one in value):
        return f"{len(value)} of them (such as {next(iter(value))})"
    return str(list(value) if isinstance(value, tuple) else value)
