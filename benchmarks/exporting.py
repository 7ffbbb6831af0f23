"""What it takes to store, apply and export a patch of 1,000 concepts on the shapes of Stable Diffusion 1.4.

The model has SD 1.4's true configuration at random weights, so nothing is downloaded (``--model tiny`` to try it on
less). Two patches are measured: "emcid", whole changes of the eleven feed-forward matrices that 1,000 edits of the text
encoder fill, and "uce", one map of text states that all 32 cross-attention matrices share. Seconds are those of the
clock and, since machines are shared, of the process itself; megabytes are those of the files.

    python benchmarks/exporting.py --dtype float16
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from true_models import MODELS

from overpaint.backbone.parameters import named_parameters
from overpaint.formats.checkpoint import write_checkpoint
from overpaint.formats.folder import write_folder
from overpaint.formats.lora import Adapter, adapter_of
from overpaint.formats.lora_file import NAMINGS, write_lora
from overpaint.patch import Delta, Dense, Mapped, Patch

LAYERS = 11
"""Of the text encoder, that EMCID edits for most tasks."""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["sd1", "tiny"], default="sd1")
    parser.add_argument("--dtype", choices=["float32", "float16", "bfloat16"], default="float32")
    parser.add_argument("--patches", nargs="+", choices=["emcid", "uce"], default=["emcid", "uce"])
    parser.add_argument("--rank", type=int, default=128, help="that the cut LoRA has")
    options = parser.parse_args(arguments)
    pipe = MODELS[options.model](getattr(torch, options.dtype))
    print("| patch | step | seconds | CPU seconds | MB |\n|---|---|--:|--:|--:|")
    for kind in options.patches:
        with tempfile.TemporaryDirectory() as folder:
            for step, clock, cpu, size in measured(pipe, kind, Path(folder), options.rank):
                print(f"| {kind} | {step} | {clock:.2f} | {cpu:.2f} | {'' if size is None else f'{size / 1e6:.1f}'} |")


def measured(pipe: Any, kind: str, folder: Path, rank: int) -> Iterator[tuple[str, float, float, int | None]]:
    """Each step's name, seconds of the clock and of the process, and the bytes that it wrote."""
    patch = made(pipe, kind)
    path = folder / "patch.safetensors"
    yield timed("save the patch", lambda: patch.save(path), path)
    yield timed("load it", lambda: Patch.load(path))
    yield timed("check that it fits", lambda: patch.check(pipe))
    yield timed("apply it", lambda: patch.apply(pipe).remove())
    for name, most in (("exact", max(pipe.text_encoder.config.hidden_size, rank)), (f"rank {rank}", rank)):
        made_of: list[Adapter] = []
        yield timed(f"factor it, {name}", partial(factor, patch, pipe, most, made_of))
        for naming in NAMINGS:
            lora = folder / f"{most}-{naming}.safetensors"
            step = f"LoRA, {name}, {naming} (misses {made_of[0].error:.1%})"
            yield timed(step, partial(write_lora, made_of[0], pipe, lora, naming), lora)
    with patch.applied_to(pipe):
        whole = folder / "model.safetensors"
        yield timed("checkpoint", lambda: write_checkpoint(pipe, whole), whole)
        whole.unlink()
        yield timed("diffusers folder", lambda: write_folder(pipe, folder / "model"), folder / "model")


def factor(patch: Patch, pipe: Any, rank: int, into: list[Adapter]) -> None:
    into.append(adapter_of(patch, pipe, rank))


def timed(step: str, action: Callable[[], Any], path: Path | None = None) -> tuple[str, float, float, int | None]:
    clock, cpu = time.perf_counter(), time.process_time()
    action()
    spent = time.perf_counter() - clock, time.process_time() - cpu
    files = [] if path is None else [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return step, *spent, sum(file.stat().st_size for file in files) if files else None


def made(pipe: Any, kind: str) -> Patch:
    torch.manual_seed(0)
    parameters = named_parameters(pipe)
    deltas: dict[str, Delta] = {}
    if kind == "emcid":
        matrices = [name for name in parameters if name.endswith("mlp.fc2.weight")][:LAYERS]
        deltas = {name: Dense(1e-3 * torch.randn(parameters[name].shape)) for name in matrices}
    else:
        width = pipe.text_encoder.config.hidden_size
        shared = Mapped(Dense(1e-2 * torch.randn(width, width)))
        names = (name for name in parameters if name.endswith(("attn2.to_k.weight", "attn2.to_v.weight")))
        deltas = dict.fromkeys(names, shared)
    return Patch.made_on(pipe, deltas, {"model": "CompVis/stable-diffusion-v1-4", "method": kind})


if __name__ == "__main__":
    main()
