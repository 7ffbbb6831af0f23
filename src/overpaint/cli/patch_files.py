"""``overpaint patch export | import``: from patches to files that other programs load beside a model, and back."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overpaint.cli.console import err, out, say
from overpaint.cli.options import Device, DryRun, Force, Out
from overpaint.cli.patch_options import Base, Run, Strength, Type, check_file, keep, told, type_of

if TYPE_CHECKING:
    from rich.table import Table
    from torch import Tensor

    from overpaint.formats.lora import Adapter

__all__ = ["export", "import_"]


class Part(StrEnum):
    """What an edit is written as without its model."""

    lora = "lora"
    weights = "weights"


class Spelling(StrEnum):
    """Whose names a LoRA file has."""

    diffusers = "diffusers"
    kohya = "kohya"


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
    dry_run: DryRun = False,
) -> None:
    """Write the edit alone as a file that others load beside its model."""
    check_file(to, force)

    from overpaint.cli.exporting import export_lora
    from overpaint.cli.models import open_pipeline
    from overpaint.cli.patches import base_model, read_patch
    from overpaint.formats.lora import adapter_of
    from overpaint.formats.lora_file import lora_tensors
    from overpaint.formats.weights import weight_tensors, write_weights
    from overpaint.guards import scaled

    patch = read_patch(run)
    pipe = open_pipeline(base_model(patch, model, run), device)
    wanted = scaled(patch, scale)
    if form is Part.weights:
        if dry_run:
            out().print(_costs(to, weight_tensors(wanted, pipe), pipe))
            return
        write_weights(wanted, pipe, to, told(patch))
        say(to)
        return
    with err().status("factoring"):
        adapter = adapter_of(wanted, pipe, rank, type_of(dtype))
    if dry_run:  # how large and how exact a LoRA is, the factors alone can say
        out().print(_costs(to, lora_tensors(adapter, pipe, naming.value), pipe))
    else:
        export_lora(patch, adapter, pipe, to, naming.value)
        say(to)
    _tell(adapter)


def import_(
    file: Annotated[Path, typer.Argument(help="Weights of ESD, UCE or Concept Ablation, or a LoRA: .safetensors.")],
    to: Out,
    model: Annotated[str, typer.Option("--model", "-m", help="The model that the file was made for.")],
    device: Device = "cpu",
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Make a patch of an edit that somebody else published."""
    check_file(to, force)

    from overpaint.cli.models import open_pipeline
    from overpaint.formats.published import read_published

    patch = read_published(file, open_pipeline(model, device), model)
    keep(patch, to, dry_run)
    say(f"{len(patch.deltas)} parameters, {patch.size / 1e6:.1f} MB", "dim", err())


def _costs(to: Path, tensors: Mapping[str, Tensor], pipe: Any) -> Table:
    from overpaint.backbone.loading import backbone_of
    from overpaint.cli.dry_run import costs
    from overpaint.methods.work import Work

    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    return costs(str(to), Work(disk=size), backbone_of(pipe), more={"tensors in it": f"{len(tensors):,}"})


def _tell(adapter: Adapter) -> None:
    """How exact it is, and what is not in it."""
    ranks = sorted({layer.rank for layer in adapter.layers.values()})
    how = "exact" if adapter.exact else f"misses {adapter.error:.2%} of the change"
    say(f"{len(adapter.layers)} layers, rank {ranks[0]} to {ranks[-1]}, {how}", "dim", err())
    if not adapter.exact and adapter.layers:
        worst = max(adapter.layers, key=lambda name: adapter.layers[name].error)
        say(f"most in {worst}: {adapter.layers[worst].error:.2%} of its change", "dim", err())
    if adapter.left_out:
        first = next(iter(adapter.left_out))
        say(f"left out, as a LoRA cannot hold them: {len(adapter.left_out)} parameters ({first}, ...)", "yellow", err())
