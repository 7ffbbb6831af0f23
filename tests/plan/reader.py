"""Plans read from texts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from overpaint.errors import PlanError
from overpaint.plan import Plan


def read(content: str | bytes, ending: str) -> Plan:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"plan.{ending}"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Plan.read(path)


def problems(call: Callable[[], Plan]) -> tuple[str, ...]:
    """The lines of the error, if there is one; every other exception escapes."""
    try:
        call()
    except PlanError as error:
        return tuple(str(error).split("\n"))
    return ()
