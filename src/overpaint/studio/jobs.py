"""Jobs on disk: a run folder each, with what was asked for in ``job.json``, so that nothing is lost with the process.

The list of jobs is what lies in the folder of runs; there is no other. A job that was waiting or running when the
Studio ended, in whatever way, is found again and waits.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from overpaint.errors import RunError
from overpaint.files import safe_name, write_json_atomic
from overpaint.json_reading import from_json
from overpaint.plan import Plan
from overpaint.runs import record

__all__ = ["Job", "Jobs", "State"]

State = Literal["queued", "running", "cancelled", "failed", "finished"]
FORMAT = 1
LONGEST = 40


@dataclass(frozen=True)
class Job:
    """What somebody asked for, and how far it is.

    Attributes:
        name: of its folder.
        state: where it stands.
        plan: the words of its plan.
        strength: what the patch is scaled by.
        asked: when, in nanoseconds since 1970; the order of the queue.
        error: why it failed, one line per problem.
    """

    name: str
    state: State
    plan: Mapping[str, Any]
    strength: float
    asked: int
    error: str = ""

    @property
    def unfinished(self) -> bool:
        """Whether the Studio works on it, or will."""
        return self.state in ("queued", "running")


class Jobs:
    """The jobs in a folder of runs.

    Attributes:
        folder: where runs are; made if missing.
    """

    def __init__(self, folder: str | Path) -> None:
        """Raises RunError if the folder cannot be made."""
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot write to {folder} ({error.strerror}); choose another folder") from error

    def listed(self) -> list[Job]:
        """All jobs, the oldest first; a file that is damaged is none."""
        found = (self._read(path.parent) for path in self.folder.glob(f"*/{record.JOB}"))
        return sorted((job for job in found if job is not None), key=lambda job: (job.asked, job.name))

    def runs(self) -> list[str]:
        """Names of all folders that hold a run or a job, made by whomever; the newest first. Links do not count."""
        times = {}
        for entry in self.folder.iterdir():
            files = [entry / name for name in (record.NAME, record.JOB)]
            if entry.is_dir() and not entry.is_symlink() and not entry.name.startswith("."):
                stamps = [file.stat().st_mtime for file in files if file.is_file()]
                if stamps:
                    times[entry.name] = max(stamps)
        return sorted(times, key=lambda name: (-times[name], name))

    def find(self, name: str) -> Job:
        """The job of that name. Raises RunError if there is none."""
        job = self._read(self.path(name))
        if job is None:
            raise RunError(f"{name}: was not begun in the Studio; give its command again to go on with it")
        return job

    def path(self, name: str) -> Path:
        """The folder of a run by its name, which may come from anywhere.

        Raises:
            RunError: there is no such run here; whatever else the name may lead to is not looked at.
        """
        if name not in self.runs():
            raise RunError(f"no run is called {name!r}; choose one of the list")
        return self.folder / name

    def add(self, plan: Plan, title: str, strength: float = 1.0) -> Job:
        """A new job at the end of the queue, in a folder of its own that ``title`` gives its name.

        Raises:
            OSError: the folder cannot be written.
        """
        slug = re.sub(r"-[0-9a-f]{10}$", "", safe_name(title, LONGEST))
        number = 1
        while True:
            name = slug if number == 1 else f"{slug}-{number}"
            try:
                (self.folder / name).mkdir()
                break
            except FileExistsError:
                number += 1
        return self._write(Job(name, "queued", plan.to_data(), strength, time.time_ns()))

    def note(self, job: Job, state: State, error: str = "") -> Job:
        """Write down where a job stands."""
        return self._write(Job(job.name, state, job.plan, job.strength, job.asked, error))

    def again(self, job: Job) -> Job:
        """Put a job at the end of the queue once more."""
        return self._write(Job(job.name, "queued", job.plan, job.strength, time.time_ns()))

    def _write(self, job: Job) -> Job:
        content = {
            "format": FORMAT,
            "state": job.state,
            "asked": job.asked,
            "strength": job.strength,
            "error": job.error,
            "plan": dict(job.plan),
        }
        write_json_atomic(self.folder / job.name / record.JOB, content)
        return job

    def _read(self, folder: Path) -> Job | None:
        try:
            said = from_json((folder / record.JOB).read_text(encoding="utf-8"))
            if said["format"] != FORMAT or said["state"] not in get_args(State):
                return None
            strength, asked = float(said["strength"]), int(said["asked"])
            return Job(folder.name, said["state"], dict(said["plan"]), strength, asked, str(said["error"]))
        except (OSError, ValueError, TypeError, KeyError, OverflowError):
            return None
