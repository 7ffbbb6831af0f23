"""What all pages share: the model, the queue and the shelf."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from overpaint.errors import RunError
from overpaint.runs import RunFolder
from overpaint.runs.record import PATCH
from overpaint.studio.shelf import Shelf
from overpaint.studio.workbench import Bench
from overpaint.studio.worker import Worker

__all__ = ["Room"]


@dataclass(frozen=True)
class Room:
    """A Studio's parts."""

    bench: Bench
    worker: Worker
    shelf: Shelf

    @property
    def methods(self) -> Sequence[str]:
        """Names of the methods to choose from, the default first."""
        return self.bench.methods

    def job_names(self) -> list[str]:
        """Names of all jobs, the newest first."""
        return [job.name for job in self.worker.jobs.listed()][::-1]

    def state_of(self, name: str | None) -> str:
        """Name and state of a job, empty if there is none."""
        return next((f"{job.name} {job.state}" for job in self.worker.jobs.listed() if job.name == name), "")

    def patches(self) -> dict[str, Path]:
        """The patches of all runs that have one, by the runs' names, the newest first."""
        found = {name: self.worker.jobs.path(name) / PATCH for name in self.worker.jobs.runs()}
        return {name: path for name, path in found.items() if path.is_file() and not path.is_symlink()}

    def reports(self) -> list[str]:
        """Names of all runs that a report can be read from, the newest first."""
        names = []
        for name in self.worker.jobs.runs():
            try:
                RunFolder.open(self.worker.jobs.path(name))
            except RunError:
                continue
            names.append(name)
        return names
