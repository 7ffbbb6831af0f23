"""``run.json``: what a folder's run is of, and whether another request is the same run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from overpaint.errors import OverpaintError, PlanError, RunError
from overpaint.files import TEMPORARY, write_json_atomic
from overpaint.json_reading import from_json
from overpaint.plan import Plan
from overpaint.provenance import Provenance
from overpaint.runs.lock import NAME as LOCK

__all__ = [
    "BANK",
    "CARD",
    "JOB",
    "LOG",
    "METRICS",
    "NAME",
    "PAGE",
    "PATCH",
    "PICTURE",
    "PLAN",
    "foreign",
    "move_aside",
    "new_record",
    "now",
    "one_line",
    "read_record",
    "refusal",
    "same_run",
]

FORMAT = 1
NAME = "run.json"
BANK = "bank"
JOB = "job.json"
"""What the Studio was asked for: there before the run is."""
PLAN = "plan.yaml"
PATCH = "patch.safetensors"
METRICS = "metrics.json"
PICTURE = "before_after.png"
PAGE = "report.html"
CARD = "model_card.md"
LOG = "log.txt"
_SAME = ("plan", "model_fingerprint", "method", "settings")
_PREVIOUS = "previous-"
MOVED = "moved_to"
MADE_ROOM = "previous"
"""Notes of where a run is being moved to, and where the one before went."""
_ROOM = re.compile(rf"{_PREVIOUS}[0-9]{{1,9}}")
_ENTRIES: Mapping[str, type] = MappingProxyType(
    {"format": int, "status": str, "versions": dict, "results": dict, "plan": str, "model_fingerprint": str}
    | {"method": str, "settings": dict}
)
"""What must be there, with its types."""


def now() -> str:
    """The time in UTC to the second, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def one_line(error: BaseException) -> str:
    """An error in one line, for the record; of one that a user can mend the words alone."""
    words = str(error) if isinstance(error, OverpaintError) else f"{type(error).__name__}: {error}"
    return "; ".join(line.strip() for line in words.splitlines() if line.strip())


def new_record(plan: Plan, provenance: Provenance) -> dict[str, Any]:
    """The content of ``run.json`` for a run that begins now, as JSON gives it back."""
    record: dict[str, Any] = {
        "format": FORMAT,
        "status": "running",
        "started": now(),
        "finished": None,
        "plan": plan.fingerprint(),
        **provenance.to_data(),
        "results": {},
    }
    return dict(json.loads(json.dumps(record)))


def read_record(folder: Path) -> dict[str, Any] | None:
    """The content of ``run.json``, or None if there is none.

    Raises:
        RunError: it is damaged, or of a newer format.
    """
    path = folder / NAME
    try:
        record = from_json(path.read_text(encoding="utf-8"))
        if wrong := [name for name, kind in _ENTRIES.items() if not isinstance(record.get(name), kind)]:
            raise ValueError(f"{wrong[0]} is missing or no {_ENTRIES[wrong[0]].__name__}")
        if wrong := [name for name in (MOVED, MADE_ROOM) if name in record and not _ROOM.fullmatch(str(record[name]))]:
            raise ValueError(f"{wrong[0]} is no folder that a run is moved to")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, AttributeError) as error:
        raise RunError(f"{path} is damaged ({error}); restore it, choose another folder, or use --force") from error
    if record["format"] > FORMAT:
        raise RunError(f"{path} was written by a newer overpaint; update overpaint or choose another folder")
    return dict(record)


def same_run(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether work on ``old`` may go on as ``new``. Versions may differ: memories carry what matters in their keys."""
    return all(old[name] == new[name] for name in _SAME)


def refusal(folder: Path, old: Mapping[str, Any], new: Mapping[str, Any], plan: Plan) -> str:
    """One line: how the run in ``folder`` differs from the one that is wanted, and what can be done."""
    if old["plan"] != new["plan"]:
        what = f"another plan ({', '.join(_plan_differences(folder, plan)) or 'a picture has changed'})"
    elif old["model_fingerprint"] != new["model_fingerprint"]:
        what = f"another model ({str(old['model_fingerprint'])[:12]}…, here {str(new['model_fingerprint'])[:12]}…)"
    elif old["method"] != new["method"]:
        what = f"another method ({old['method']}, here {new['method']})"
    else:
        names = sorted(name for name in {*old["settings"], *new["settings"]} if _get(old, name) != _get(new, name))
        what = f"other settings ({', '.join(names)})"
    return f"{folder} holds a run of {what}; choose another folder, or use --force to move that run aside"


def foreign(folder: Path) -> list[str]:
    """Names of what is neither a run's nor left over from one, in a folder without ``run.json``."""
    ours = (BANK, JOB, LOCK)
    names = (entry.name for entry in folder.iterdir())
    return sorted(name for name in names if name not in ours and not name.startswith((_PREVIOUS, TEMPORARY)))


def move_aside(folder: Path, record: Mapping[str, Any] | None) -> str:
    """Move a run, but for its bank, to ``previous-N/``; returns that name.

    ``run.json`` notes the move first and goes last, so that a move which is killed is finished by the next one.
    A ``record`` of None is a damaged ``run.json``, moved as it is.
    """
    taken = {entry.name for entry in folder.glob(f"{_PREVIOUS}*")}
    free = next(name for number in range(1, len(taken) + 2) if (name := f"{_PREVIOUS}{number}") not in taken)
    moved = str(record.get(MOVED, free)) if record else free
    if record is not None:
        write_json_atomic(folder / NAME, {**record, MOVED: moved})
    (folder / moved).mkdir(exist_ok=True)
    for entry in sorted(folder.iterdir()):
        if entry.name not in (BANK, JOB, LOCK, NAME) and not entry.name.startswith(_PREVIOUS):
            entry.rename(folder / moved / entry.name)
    if record is None:
        (folder / NAME).rename(folder / moved / NAME)
    else:
        write_json_atomic(folder / moved / NAME, {name: value for name, value in record.items() if name != MOVED})
        (folder / NAME).unlink()
    return moved


def _get(record: Mapping[str, Any], name: str) -> Any:
    return record["settings"].get(name)


def _plan_differences(folder: Path, plan: Plan) -> Iterator[str]:
    try:
        old = Plan.read(folder / PLAN, check_images=False).to_data()
    except PlanError:
        yield "which cannot be read"
        return
    new = plan.to_data()
    for name in ("model", "method", "seed", "settings", "preserve"):
        if old[name] != new[name]:
            yield name
    edits = (
        [edit for edit in old["edits"] if edit not in new["edits"]],
        [edit for edit in new["edits"] if edit not in old["edits"]],
    )
    if any(edits):
        yield f"{len(edits[0])} edits of its own, {len(edits[1])} new here"
    elif old["edits"] != new["edits"]:
        yield "the order of the edits"
