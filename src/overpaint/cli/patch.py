"""``overpaint patch apply | show``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overpaint.cli.console import err, out, plain, say, table
from overpaint.cli.options import Device, Force, Out
from overpaint.errors import PatchError

if TYPE_CHECKING:
    from overpaint.guards import Guard
    from overpaint.patch import Patch

__all__ = ["app"]

app = typer.Typer(
    help="Look at a patch, or make an edited copy of its model.", no_args_is_help=True, rich_markup_mode=None
)

Run = Annotated[Path, typer.Argument(help="A run's folder or a patch file.")]
TEMPORARY = ".overpaint-copy"


@app.command("apply")
def apply(
    run: Run,
    to: Out,
    model: Annotated[str | None, typer.Option("--model", "-m", help="The base model. [the patch's own]")] = None,
    scale: Annotated[float, typer.Option("--scale", help="Strength of the patch.")] = 1.0,
    device: Device = "cpu",
    force: Force = False,
) -> None:
    """Write an edited copy of the model: a plain diffusers folder that needs no overpaint."""
    _check_free(to, force)

    from overpaint.cli.models import open_backbone
    from overpaint.cli.patches import base_model, read_patch

    patch = read_patch(run)
    pipe = open_backbone(base_model(patch, model, run), device).pipe
    (patch if scale == 1 else patch.scale(scale)).apply(pipe)
    with err().status(plain(f"writing {to}")):
        _write(pipe, to)
    say(to)


@app.command("show")
def show(run: Run) -> None:
    """Say what a patch or a guard does, to what, and what it was made of."""
    from overpaint.cli.patches import read_change

    out().print(_described(read_change(run), run))


def _check_free(folder: Path, force: bool) -> None:
    """Refuse to write over anything but, when told to, another model."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / "model_index.json").is_file():
        raise PatchError(f"{folder}: is not empty and holds no model; choose another folder")
    if not force:
        raise PatchError(f"{folder}: is not empty; choose another folder, or use --force to replace the model in it")


def _write(pipe: Any, folder: Path) -> None:
    """Write a pipeline to a folder beside the target first, so that the target is whole or as it was."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f"{folder.name}{TEMPORARY}")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        pipe.save_pretrained(beside, safe_serialization=True)
        if folder.exists():
            shutil.rmtree(folder)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _described(patch: Patch | Guard, path: Path) -> Any:
    from overpaint.errors import PlanError
    from overpaint.patch import Patch
    from overpaint.plan import Plan
    from overpaint.plan.words import asked

    made = table(str(path), "", "")
    made.show_header = False
    made.columns[1].justify = "left"
    said = dict(patch.provenance)
    plan = said.pop("plan", None)
    rows: list[tuple[str, Any]] = [("hash", patch.hash)]
    if isinstance(plan, dict):
        try:
            parsed = Plan.parse(plan, check_images=False)
            rows += [("edits", len(parsed.edits)), *(("", asked(edit)) for edit in parsed.edits[:12])]
        except PlanError:
            rows.append(("plan", "cannot be read by this version"))
    rows += [(name, value) for name, value in said.items() if not isinstance(value, dict | list)]
    for name, value in said.items():
        if isinstance(value, dict):
            rows.append((name, ", ".join(f"{key} {item}" for key, item in value.items())))
    if isinstance(patch, Patch):
        rows += [(name, delta.described) for name, delta in patch.deltas.items()]
    else:
        rows += [(f"guard: {name}", value) for name, value in patch.described.items()]
    for name, value in rows:
        made.add_row(plain(name), plain(value))
    return made
