"""The files that a browser may have: those that a run is known to write, by name, and nothing that a link leads to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from overpaint.errors import RunError
from overpaint.report import write_comparison
from overpaint.report.run_result import RESULT
from overpaint.runs.record import CARD, LOG, METRICS, PAGE, PATCH, PICTURE, PLAN
from overpaint.studio.jobs import Jobs

__all__ = ["COMPARISONS", "Entry", "Shelf"]

COMPARISONS = ".comparisons"
TITLES = {
    PAGE: "Report card",
    CARD: "Model card",
    PATCH: "Patch",
    "lora.safetensors": "LoRA",
    "checkpoint.safetensors": "Checkpoint",
    PICTURE: "Before and after",
    METRICS: "Figures",
    RESULT: "Result",
    PLAN: "Plan",
    LOG: "Log",
}
SHOWN = (PAGE, PICTURE)
"""What a browser opens; all else it saves."""


@dataclass(frozen=True)
class Entry:
    """A file for the list of downloads."""

    title: str
    href: str
    size: str
    download: bool
    saved_as: str


class Shelf:
    """What there is to see and to take in a folder of runs."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def file(self, run: str, name: str) -> Path:
        """A file of a run, or a comparison's page.

        Raises:
            RunError: it is none that may be had, or it is not there.
        """
        folder = self._jobs.folder / COMPARISONS if run == COMPARISONS else self._jobs.path(run)
        known = name in TITLES or (run == COMPARISONS and name in _names(folder))
        path = folder / name if known else folder
        if not known or path.is_symlink() or folder.is_symlink() or not path.is_file():
            raise RunError(f"{run}: has no such file; open the run again")
        return path

    def entries(self, run: str) -> Iterator[Entry]:
        """The files of a run that are there."""
        for name, title in TITLES.items():
            try:
                path = self.file(run, name)
            except RunError:
                continue
            yield Entry(title, address(run, path), _size(path), name not in SHOWN, f"{run}-{name}")

    def compare(self, runs: Sequence[str]) -> str:
        """Write the page that compares runs; its address.

        Raises:
            OverpaintError: a run is unknown or damaged.
        """
        paths = [self._jobs.path(run) for run in runs]
        digest = hashlib.sha256("\n".join(sorted(runs)).encode()).hexdigest()[:16]
        return address(COMPARISONS, write_comparison(paths, self._jobs.folder / COMPARISONS / f"{digest}.html"))


def address(run: str, path: Path) -> str:
    """Where a browser finds a file; it changes with the file, so that nothing old is shown."""
    return f"/runs/{quote(run)}/{quote(path.name)}?{path.stat().st_mtime_ns}"


def _names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.glob("*.html")]


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
