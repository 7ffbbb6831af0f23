"""The folder of a run, and the rules by which a run starts, resumes, is finished, or is refused."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from overpaint.errors import PlanError, RunError
from overpaint.files import TEMPORARY, replacing, write_json_atomic
from overpaint.json_reading import from_json
from overpaint.plan import Plan
from overpaint.provenance import Provenance
from overpaint.runs import record as records
from overpaint.runs.lock import FolderLock

if TYPE_CHECKING:
    from overpaint.runs.bank import MemoryBank

__all__ = ["RunFolder", "Savable"]

_log = logging.getLogger(__name__)


class Savable(Protocol):
    """A patch or a picture: anything that writes itself to a path."""

    def save(self, path: Path, /) -> Any:
        """Write to ``path``."""
        ...


class RunFolder:
    """``plan.yaml run.json bank/ patch.safetensors metrics.json before_after.png log.txt``, each whole or absent.

    Made by `create` to write (one at a time; a context manager) or by `open` to read (any number). Between `create`
    and `close`, what the library logs goes to ``log.txt`` too. Leaving the context by an exception notes the status
    "failed" or "stopped"; a killed process leaves "running"; all three are resumed by the next `create`.

    Attributes:
        path: the folder.
        record: the content of ``run.json``: provenance, plan fingerprint, status, times, results, error.
        resumed: whether `create` found an unfinished run, which goes on.
    """

    def __init__(self, path: Path, record: Mapping[str, Any], *, resumed: bool = False) -> None:
        self.path = path
        self.record = dict(record)
        self.resumed = resumed
        self._reuse: tuple[Path, ...] = ()
        self._lock: FolderLock | None = None
        self._file: _LogFile | None = None

    @classmethod
    def create(
        cls,
        path: str | Path,
        plan: Plan,
        provenance: Provenance,
        *,
        force: bool = False,
        reuse: Sequence[str | Path] = (),
    ) -> RunFolder:
        """Start a run, or continue an unfinished one of the same plan, model and settings. Ask `finished` before work.

        Arguments:
            force: move a run of something else to ``previous-N/`` inside the folder, which the log tells; its memories
                stay in the bank, where those that still apply are found.
            reuse: other run folders whose memories may serve.

        Raises:
            RunError: the folder is in use, holds other files, or a run of another plan, model or settings.
            PlanError: a picture of the plan is gone.
        """
        path, wanted = Path(path), records.new_record(plan, provenance)
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = FolderLock(path)
        except OSError as error:
            raise RunError(f"cannot write to {path} ({error.strerror}); choose another folder") from error
        try:
            run = cls._start(path, plan, wanted, force=force)
            run._lock, run._file = lock, _LogFile(path / records.LOG)
        except BaseException:
            lock.release()
            raise
        run._reuse = tuple(Path(other) / records.BANK for other in reuse)
        if run.resumed:
            _log.info("resumed")
        elif not run.finished:
            _log.info("started: %d edits, model %s, method %s", len(plan.edits), plan.model, provenance.method)
            if records.MADE_ROOM in run.record:
                _log.info("the run that was here is now in %s", run.path / run.record[records.MADE_ROOM])
        if run.record["versions"] != wanted["versions"]:
            _log.warning("the run began with other versions: %s, now %s", run.record["versions"], wanted["versions"])
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """A run to look at; writes nothing and takes no lock.

        Raises:
            RunError: there is no run, or it is damaged.
        """
        path = Path(path)
        record = records.read_record(path)
        if record is None:
            raise RunError(f"no run in {path}; name a folder that overpaint wrote")
        return cls(path, record)

    @classmethod
    def _start(cls, path: Path, plan: Plan, wanted: dict[str, Any], *, force: bool) -> RunFolder:
        for leftover in (*path.glob(f"{TEMPORARY}*"), *path.glob(f"{records.BANK}/{TEMPORARY}*")):
            leftover.unlink(missing_ok=True)
        try:
            old = records.read_record(path)
        except RunError:
            if not force:
                raise
            wanted[records.MADE_ROOM], old = records.move_aside(path, None), None
        if old is not None and records.MOVED in old:  # killed while it was moved
            wanted[records.MADE_ROOM], old = records.move_aside(path, old), None
        if old is not None and not records.same_run(old, wanted):
            if not force:
                raise RunError(records.refusal(path, old, wanted, plan))
            wanted[records.MADE_ROOM], old = records.move_aside(path, old), None
        if old is None and (names := records.foreign(path)):
            raise RunError(f"{path} holds other files ({names[0]}); choose an empty or new folder")
        run = cls(path, wanted if old is None else old)
        if not run.finished:
            run.resumed = old is not None
            # run.json first: it tells this plan.yaml from one that a person left in a folder of his own.
            run._note(status="running", finished=None, error=None)
            plan.write(path / records.PLAN)
        return run

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do (a patch that was deleted is made again)."""
        return self.record["status"] == "finished" and self.patch_path.exists()

    @property
    def failure(self) -> str | None:
        """In one line that the run failed, and why; None if it did not."""
        if self.record["status"] != "failed":
            return None
        reason = self.record.get("error")
        return f"the run failed: {reason}" if reason else "the run failed; its log says why"

    @property
    def plan(self) -> Plan:
        """The plan with everything resolved.

        Raises:
            RunError: it is gone or damaged.
        """
        try:
            return Plan.read(self.path / records.PLAN, check_images=False)
        except PlanError as error:
            raise RunError(f"the run's plan cannot be read: {error.problems[0]}") from error

    @property
    def bank(self) -> MemoryBank:
        """The memories."""
        from overpaint.runs.bank import MemoryBank  # torch comes only where it is needed

        return MemoryBank(self.path / records.BANK, reuse=self._reuse)

    @property
    def patch_path(self) -> Path:
        """Where the patch is, or will be."""
        return self.path / records.PATCH

    @property
    def picture_path(self) -> Path:
        """Where the before/after picture is, or will be."""
        return self.path / records.PICTURE

    @property
    def metrics(self) -> dict[str, Any] | None:
        """What `save_metrics` stored, or None. RunError if it is damaged."""
        try:
            return dict(from_json((self.path / records.METRICS).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"{self.path / records.METRICS} is damaged ({error}); run again to measure anew") from error

    def save_patch(self, patch: Savable) -> Path:
        """Store the patch."""
        return self._save(patch, self.patch_path)

    def save_picture(self, picture: Savable) -> Path:
        """Store the before/after picture."""
        return self._save(picture, self.picture_path)

    def save_metrics(self, metrics: Mapping[str, Any]) -> Path:
        """Store measurements; JSON, without NaN."""
        self._check_writable()
        return write_json_atomic(self.path / records.METRICS, dict(metrics))

    def finish(self, **results: Any) -> None:
        """Note that all work is done, with short results (the patch's hash) for ``run.json``."""
        self._check_writable()
        self._note(status="finished", finished=records.now(), results=results)
        _log.info("finished")

    def close(self) -> None:
        """Let others write; a second call does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> RunFolder:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Note how an unfinished run ended, and close."""
        try:
            if error is not None and self._lock is not None and not self.finished:
                failed = isinstance(error, Exception)
                _log.error("%s", "failed" if failed else "stopped", exc_info=error if failed else None)
                with suppress(OSError):  # a full disk: "running" is resumed as well
                    self._note(
                        status="failed" if failed else "stopped", error=records.one_line(error) if failed else None
                    )
        finally:
            self.close()

    def _save(self, thing: Savable, path: Path) -> Path:
        self._check_writable()
        with replacing(path) as temporary:
            thing.save(temporary)
        return path

    def _note(self, **changes: Any) -> None:
        self.record.update(changes)
        write_json_atomic(self.path / records.NAME, self.record)

    def _check_writable(self) -> None:
        if self._lock is None:
            raise ValueError("this run folder is open for reading; use RunFolder.create to write")


class _Handler(logging.FileHandler):
    """A log for which there is no room stops nothing."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing: the work itself will meet the full disk, and say so."""


class _LogFile:
    """Sends what the library logs, from INFO up, to a file as well."""

    def __init__(self, path: Path) -> None:
        self._logger = logging.getLogger("overpaint")
        self._level = self._logger.level
        self._handler = _Handler(path, encoding="utf-8")
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
        self._logger.addHandler(self._handler)
        if self._logger.getEffectiveLevel() > logging.INFO:
            self._logger.setLevel(logging.INFO)

    def close(self) -> None:
        """Leave the logger as it was."""
        self._logger.removeHandler(self._handler)
        self._logger.setLevel(self._level)
        with suppress(OSError):
            self._handler.close()
