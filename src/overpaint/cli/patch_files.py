"""``overpaint patch apply | export | import``: from patches to what other programs read, and back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overpaint.cli.console import err, out, plain, say
from overpaint.cli.options import Device, DryRun, Force, Out
from overpaint.errors import OverpaintError, PatchError

if TYPE_CHECKING:
    import torch
    from rich.table import Table

    from overpaint.patch import Patch

__all__ = ["Base", "Run", "apply", "check_file", "export", "import_"]

Run = Annotated[Path, typer.Argument(help="A run's folder or a patch file.")]
Base = Annotated[str | None, typer.Option("--model", "-m", help="The base model. [the patch's own]")]
TEMPORARY = ".overpaint-copy"


class Copy(StrEnum):
    """What a whole edited model is written as."""

    folder = "folder"
    checkpoint = "checkpoint"


class Part(StrEnum):
    """What an edit is written as without its model."""

    lora = "lora"
    weights = "weights"


class Spelling(StrEnum):
    """Whose names a LoRA file has."""

    diffusers = "diffusers"
    kohya = "kohya"


class Type(StrEnum):
    """Of the numbers in a file."""

    float32 = "float32"
    float16 = "float16"
    bfloat16 = "bfloat16"


DType = Annotated[Type | None, typer.Option("--dtype", help="The type of the numbers. [as the base model's files]")]
Strength = Annotated[float, typer.Option("--scale", help="Strength of the patch.")]


def apply(
    run: Run,
    to: Out,
    model: Base = None,
    form: Annotated[
        Copy, typer.Option("--format", help="A diffusers folder, or one file in the original layout (A1111, ComfyUI).")
    ] = Copy.folder,
    scale: Strength = 1.0,
    dtype: DType = None,
    device: Device = "cpu",
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Write an edited copy of the model, which needs no overpaint."""
    check_free(to, force) if form is Copy.folder else check_file(to, force)

    from overpaint.cli.models import open_pipeline
    from overpaint.cli.patches import base_model, read_patch
    from overpaint.formats.checkpoint import write_checkpoint
    from overpaint.formats.folder import write_folder
    from overpaint.formats.stored import as_stored

    patch = read_patch(run)
    pipe = open_pipeline(base_model(patch, model, run), device)
    as_stored(pipe)
    if dry_run:
        patch.check(pipe)
        out().print(_costs(run, patch, pipe, dtype))
        return
    _scaled(patch, scale).apply(pipe)
    if dtype is not None:
        pipe.to(_torch(dtype))
    with err().status(plain(f"writing {to}")):
        if form is Copy.checkpoint:
            write_checkpoint(pipe, to, _told(patch))
        else:
            _replace(to, lambda beside: _folder(pipe, beside, patch, write_folder))
    say(to)


def export(
    run: Run,
    to: Out,
    model: Base = None,
    form: Annotated[
        Part,
        typer.Option("--format", help="A LoRA, or the denoiser's changed weights whole, as ESD and UCE publish them."),
    ] = Part.lora,
    naming: Annotated[
        Spelling, typer.Option("--naming", help="Of the LoRA: diffusers (ComfyUI too) or kohya (A1111, ComfyUI).")
    ] = Spelling.diffusers,
    rank: Annotated[
        int | None, typer.Option("--rank", min=1, help="The LoRA's largest rank. [exact where low-rank, else 64]")
    ] = None,
    scale: Strength = 1.0,
    dtype: Annotated[Type, typer.Option("--dtype", help="The type of the LoRA's numbers.")] = Type.float32,
    device: Device = "cpu",
    force: Force = False,
) -> None:
    """Write the edit alone as a file that others load beside its model."""
    check_file(to, force)

    from overpaint.cli.models import open_pipeline
    from overpaint.cli.patches import base_model, read_patch
    from overpaint.formats.lora import adapter_of
    from overpaint.formats.lora_file import write_lora
    from overpaint.formats.weights import write_weights

    patch = read_patch(run)
    pipe = open_pipeline(base_model(patch, model, run), device)
    wanted = _scaled(patch, scale)
    if form is Part.weights:
        write_weights(wanted, pipe, to, _told(patch))
        say(to)
        return
    with err().status("factoring"):
        adapter = adapter_of(wanted, pipe, rank, _torch(dtype))
    write_lora(adapter, pipe, to, naming.value, {**_told(patch), "overpaint.error": f"{adapter.error:.2e}"})
    say(to)
    ranks = sorted({layer.rank for layer in adapter.layers.values()})
    how = "exact" if adapter.exact else f"misses {adapter.error:.2%} of the change"
    say(f"{len(adapter.layers)} layers, rank {ranks[0]} to {ranks[-1]}, {how}", "dim", err())
    if not adapter.exact and adapter.layers:
        worst = max(adapter.layers, key=lambda name: adapter.layers[name].error)
        say(f"most in {worst}: {adapter.layers[worst].error:.2%} of its change", "dim", err())
    if adapter.left_out:
        first = next(iter(adapter.left_out))
        say(f"left out, as a LoRA cannot hold them: {len(adapter.left_out)} parameters ({first}, ...)", "yellow", err())


def import_(
    file: Annotated[Path, typer.Argument(help="Weights of ESD, UCE or Concept Ablation, or a LoRA: .safetensors.")],
    to: Out,
    model: Annotated[str, typer.Option("--model", "-m", help="The model that the file was made for.")],
    device: Device = "cpu",
    force: Force = False,
) -> None:
    """Make a patch of an edit that somebody else published."""
    check_file(to, force)

    from overpaint.cli.models import open_pipeline
    from overpaint.formats.published import read_published

    patch = read_published(file, open_pipeline(model, device), model)
    patch.save(to)
    say(to)
    say(f"{len(patch.deltas)} parameters, {patch.size / 1e6:.1f} MB", "dim", err())


def check_free(folder: Path, force: bool) -> None:
    """Refuse to write over anything but, when told to, another model."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / "model_index.json").is_file():
        raise PatchError(f"{folder}: is not empty and holds no model; choose another folder")
    if not force:
        raise PatchError(f"{folder}: is not empty; choose another folder, or use --force to replace the model in it")


def check_file(path: Path, force: bool) -> None:
    """Refuse any other suffix, and to write over a file unless told to."""
    if path.suffix != ".safetensors":
        raise OverpaintError(f"--out {path}: name a file that ends in .safetensors")
    if path.exists() and (path.is_dir() or not force):
        raise OverpaintError(f"{path}: is there already; choose another name, or use --force")


def _costs(run: Path, patch: Patch, pipe: Any, dtype: Type | None) -> Table:
    """Weights that change, and the bytes of an edited copy."""
    from overpaint.backbone.loading import backbone_of
    from overpaint.backbone.parameters import named_parameters
    from overpaint.cli.dry_run import costs
    from overpaint.methods.work import Work, elements

    weights = named_parameters(pipe)
    sizes = {name: w.element_size() if dtype is None else _torch(dtype).itemsize for name, w in weights.items()}
    work = Work(
        parameters=elements(weights[name] for name in patch.deltas),
        disk=sum(weights[name].numel() * size for name, size in sizes.items()),
    )
    return costs(f"a copy with {run}", work, backbone_of(pipe))


def _scaled(patch: Patch, scale: float) -> Patch:
    return patch if scale == 1 else patch.scale(scale)


def _torch(dtype: Type) -> torch.dtype:
    import torch

    found: torch.dtype = getattr(torch, dtype.value)
    return found


def _told(patch: Patch) -> dict[str, str]:
    """For a file's header: where it came from. No names of concepts, which may be anything."""
    from overpaint.cli.patches import said_model

    told = {"patch": patch.hash, "method": patch.provenance.get("method"), "model": said_model(patch)}
    return {f"overpaint.{key}": str(value) for key, value in told.items() if value}


def _folder(pipe: Any, folder: Path, patch: Patch, write: Callable[[Any, Path], Path]) -> None:
    from overpaint.files import write_text_atomic
    from overpaint.report.patch_card import patch_card

    write(pipe, folder)
    write_text_atomic(folder / "README.md", patch_card(patch, whole=True))


def _replace(folder: Path, write: Callable[[Path], None]) -> None:
    """Write to a folder beside the target first, so that the target is whole or as it was."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f"{folder.name}{TEMPORARY}")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        write(beside)
        if folder.exists():
            shutil.rmtree(folder)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
