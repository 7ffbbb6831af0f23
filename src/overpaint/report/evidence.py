"""What a page is made from: result files, wherever they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from overpaint.bench.results import Result
from overpaint.errors import OverpaintError
from overpaint.report.run_result import RESULT, result_of_run
from overpaint.runs.record import NAME as RUN

__all__ = ["Evidence", "gather"]


@dataclass(frozen=True)
class Evidence:
    """A result, the file that it stands in (pictures are found from there), and a name to tell it from others."""

    name: str
    path: Path
    result: Result


def gather(paths: Sequence[str | Path]) -> tuple[Evidence, ...]:
    """Read a result file, a suite's folder or a run's folder for each path.

    Raises:
        OverpaintError: there is none, it is damaged, or a path is given twice.
    """
    seen: dict[Path, str | Path] = {}
    found = []
    for given in paths:
        path = Path(given)
        if path.resolve() in seen:
            raise OverpaintError(f"{given}: given twice; name each run once")
        seen[path.resolve()] = given
        found.append(_read(path))
    return tuple(found)


def _read(path: Path) -> Evidence:
    name = (path if path.is_dir() or path.name != RESULT else path.parent).resolve().name
    if path.is_file():
        return Evidence(name, path, Result.read(path))
    if (path / RUN).is_file():
        return Evidence(name, path / RESULT, result_of_run(path))
    if (path / RESULT).is_file():
        return Evidence(name, path / RESULT, Result.read(path / RESULT))
    raise OverpaintError(f"{path}: no run and no result; name a folder that overpaint edit or overpaint bench wrote")
