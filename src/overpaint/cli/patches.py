"""Patches and guards on the command line: a run's folder or a file serves alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overpaint.errors import PatchError

if TYPE_CHECKING:
    from overpaint.guards import Change, Guard
    from overpaint.patch import Patch

__all__ = ["applied", "base_model", "read_change", "read_patch", "said_model"]


def read_patch(path: Path) -> Patch:
    """The patch of a run folder, or in a file.

    Raises:
        PatchError: there is none, or a guard in its place.
    """
    from overpaint.guards import Guard

    found = read_change(path)
    if isinstance(found, Guard):
        raise PatchError(
            f"{path}: is a guard ({found.rule.kind}), which acts while pictures are drawn and is not in the weights;"
            " use overpaint generate --patch"
        )
    return found


def read_change(path: Path) -> Patch | Guard:
    """The patch or guard of a run folder, or in a file.

    Raises:
        PatchError: there is none.
    """
    from overpaint.guards import load_change
    from overpaint.runs import RunFolder
    from overpaint.runs.record import LOG

    if path.is_dir():
        work = RunFolder.open(path)
        if not work.patch_path.is_file():
            if work.failure is not None:
                raise PatchError(f"{path}: {work.failure}; see {path / LOG}")
            raise PatchError(f"{path}: the run has no patch yet; finish it with the command that began it")
        path = work.patch_path
    if not path.is_file():
        raise PatchError(f"{path}: no such run or patch; check the path")
    return load_change(path)


def base_model(patch: Change, said: str | None, path: Path) -> str:
    """The model that a patch was made for, unless another one is said."""
    model = said or said_model(patch)
    if model is None:
        raise PatchError(f"{path}: the patch does not say which model it is for; say --model")
    return model


def said_model(patch: Change) -> str | None:
    """The model that a patch says it was made for; of a sum, what all its parts say alike."""
    from overpaint.patch.provenance import summands

    said = {_said(one) for one in summands(patch.provenance)}
    return said.pop() if len(said) == 1 else None


def _said(provenance: Mapping[str, Any]) -> str | None:
    plan = provenance.get("plan")
    model = provenance.get("model") or (plan.get("model") if isinstance(plan, dict) else None)
    return model if isinstance(model, str) else None


def applied(pipe: Any, changes: Sequence[Change]) -> ExitStack:
    """A context in which all patches and guards are applied, one on the other; leaving restores every bit.

    Raises:
        PatchError: one does not fit the model.
    """
    with ExitStack() as stack:
        for change in changes:
            stack.enter_context(change.applied_to(pipe))
        return stack.pop_all()
