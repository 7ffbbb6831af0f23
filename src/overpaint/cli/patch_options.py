"""What the commands on patches share: options, checks of where things go, and how a new patch is kept."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overpaint.cli.console import out, say
from overpaint.cli.options import finite
from overpaint.errors import OverpaintError

if TYPE_CHECKING:
    import torch

    from overpaint.patch import Patch

__all__ = ["Base", "Run", "Strength", "Type", "check_file", "keep", "told", "type_of"]

Run = Annotated[Path, typer.Argument(help="A run's folder or a patch file.")]
Base = Annotated[str | None, typer.Option("--model", "-m", help="The base model. [the patch's own]")]
Strength = Annotated[float, typer.Option("--scale", callback=finite, help="Strength of the patch.")]


class Type(StrEnum):
    """Of the numbers in a file."""

    float32 = "float32"
    float16 = "float16"
    bfloat16 = "bfloat16"


def type_of(dtype: Type) -> torch.dtype:
    """The same for torch."""
    import torch

    found: torch.dtype = getattr(torch, dtype.value)
    return found


def check_file(path: Path, force: bool) -> None:
    """Refuse any other suffix, and to write over a file unless told to."""
    if path.suffix != ".safetensors":
        raise OverpaintError(f"--out {path}: name a file that ends in .safetensors")
    if path.exists() and (path.is_dir() or not force):
        raise OverpaintError(f"{path}: is there already; choose another name, or use --force")


def keep(patch: Patch, to: Path, dry_run: bool) -> None:
    """Save a patch and say where; in a dry run, say what would be saved."""
    if not dry_run:
        patch.save(to)
        say(to)
        return
    from overpaint.cli.dry_run import costs
    from overpaint.methods.work import Work

    more = {"parameters that the patch changes": f"{len(patch.deltas):,}"}
    out().print(costs(str(to), Work(disk=patch.size), more=more))


def told(patch: Patch) -> dict[str, str]:
    """For a file's header: where it came from. No names of concepts, which may be anything."""
    from overpaint.cli.patches import said_model

    told = {"patch": patch.hash, "method": patch.provenance.get("method"), "model": said_model(patch)}
    return {f"overpaint.{key}": str(value) for key, value in told.items() if value}
