"""``overpaint patch apply``: an edited copy of a model, as a folder or as one file."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overpaint.cli.console import err, out, plain, say
from overpaint.cli.options import Device, DryRun, Force, Out
from overpaint.cli.patch_options import Base, Run, Strength, Type, check_file, type_of
from overpaint.errors import PatchError
from overpaint.folders import replacing_folder

if TYPE_CHECKING:
    from rich.table import Table

    from overpaint.patch import Patch

__all__ = ["apply"]


class Copy(StrEnum):
    """What a whole edited model is written as."""

    folder = "folder"
    checkpoint = "checkpoint"


def apply(
    run: Run,
    to: Out,
    model: Base = None,
    form: Annotated[
        Copy, typer.Option("--format", help="A diffusers folder, or one file in the original layout (A1111, ComfyUI).")
    ] = Copy.folder,
    scale: Strength = 1.0,
    dtype: Annotated[
        Type | None, typer.Option("--dtype", help="The type of the numbers. [as the base model's files]")
    ] = None,
    device: Device = "cpu",
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Write an edited copy of the model, which needs no overpaint."""
    check_free(to, force) if form is Copy.folder else check_file(to, force)

    from overpaint.cli.exporting import export_checkpoint
    from overpaint.cli.models import open_pipeline
    from overpaint.cli.patches import base_model, read_patch
    from overpaint.formats.folder import write_folder
    from overpaint.formats.stored import as_stored
    from overpaint.guards import scaled

    patch = read_patch(run)
    pipe = open_pipeline(base_model(patch, model, run), device)
    as_stored(pipe)
    if dry_run:
        patch.check(pipe)
        out().print(_costs(run, patch, pipe, dtype))
        return
    wanted = None if dtype is None else type_of(dtype)
    with err().status(plain(f"writing {to}")):
        if form is Copy.checkpoint:
            export_checkpoint(patch, pipe, to, scale, wanted)
        else:
            scaled(patch, scale).apply(pipe, removable=False)
            if wanted is not None:
                pipe.to(wanted)
            with replacing_folder(to) as beside:
                _folder(pipe, beside, patch, write_folder)
    say(to)


def check_free(folder: Path, force: bool) -> None:
    """Refuse to write over anything but, when told to, another model."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / "model_index.json").is_file():
        raise PatchError(f"{folder}: is not empty and holds no model; choose another folder")
    if not force:
        raise PatchError(f"{folder}: is not empty; choose another folder, or use --force to replace the model in it")


def _costs(run: Path, patch: Patch, pipe: Any, dtype: Type | None) -> Table:
    """Weights that change, and the bytes of an edited copy."""
    from overpaint.backbone.loading import backbone_of
    from overpaint.backbone.parameters import named_parameters
    from overpaint.cli.dry_run import costs
    from overpaint.methods.work import Work, elements

    weights = named_parameters(pipe)
    sizes = {name: w.element_size() if dtype is None else type_of(dtype).itemsize for name, w in weights.items()}
    work = Work(
        parameters=elements(weights[name] for name in patch.deltas),
        disk=sum(weights[name].numel() * size for name, size in sizes.items()),
    )
    return costs(f"a copy with {run}", work, backbone_of(pipe))


def _folder(pipe: Any, folder: Path, patch: Patch, write: Callable[[Any, Path], Path]) -> None:
    from overpaint.files import write_text_atomic
    from overpaint.report.patch_card import patch_card

    write(pipe, folder)
    write_text_atomic(folder / "README.md", patch_card(patch, whole=True))
