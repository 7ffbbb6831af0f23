"""Whether what is written of a full-size model is what diffusers reads back, tensor by tensor.

The model has the true configuration of Stable Diffusion 1.4, 2.1 or XL at random weights. A low-rank patch of its text
encoders and its cross-attention leaves as a folder, as a checkpoint and as a LoRA in both namings; each is read by
diffusers alone. Of a folder and a checkpoint every tensor is compared to the bit, of a LoRA every tensor that diffusers
fuses it into (the error is a share of the change) and to the bit every other.

    python benchmarks/round_trips.py --model sd1 --model sd2 --model sdxl
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from true_models import MODELS

from overpaint.backbone.parameters import named_parameters, resolve
from overpaint.formats.checkpoint import write_checkpoint
from overpaint.formats.families import tensors_of
from overpaint.formats.folder import write_folder
from overpaint.formats.lora import adapter_of
from overpaint.formats.lora_file import NAMINGS, write_lora
from overpaint.patch import Delta, LowRank, Patch
from overpaint.tensors import digest_of

RANK = 4
CHANGED = (".mlp.fc2.weight", ".attn2.to_k.weight", ".attn2.to_v.weight")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", choices=MODELS, help="repeat for more; sd1 by default")
    options = parser.parse_args(arguments)
    print(
        "| model | file | tensors | equal to the bit | changed by the LoRA | largest error |\n|---|---|--:|--:|--:|--:|"
    )
    for name in options.model or ["sd1"]:
        with tempfile.TemporaryDirectory() as work:
            for file, found in trips(MODELS[name](torch.float32), Path(work)):
                print(f"| {name} | {file} | {' | '.join(found)} |", flush=True)


def trips(pipe: Any, folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each way out and back: its name, and what was found. AssertionError if a tensor is another."""
    patch = low_rank(pipe)
    for naming in NAMINGS:
        write_lora(adapter_of(patch, pipe), pipe, folder / f"{naming}.safetensors", naming)
    base = {name: value.clone() for name, value in everything(pipe).items() if name in patch.deltas}
    with patch.applied_to(pipe):
        write_folder(pipe, folder / "model")
        write_checkpoint(pipe, folder / "model.safetensors")
        single = {"config": str(folder / "model"), "local_files_only": True}
        readers: dict[str, Callable[[], Any]] = {
            "folder": lambda: type(pipe).from_pretrained(folder / "model"),
            "checkpoint": lambda: type(pipe).from_single_file(str(folder / "model.safetensors"), **single),
        }
        for file, read in readers.items():
            again, wanted = everything(read()), everything(pipe)
            assert again.keys() == wanted.keys(), sorted(again.keys() ^ wanted.keys())[:3]
            assert all(torch.equal(again[name], value) for name, value in wanted.items()), file
            yield file, (f"{len(again)}", f"{len(again)}", "", "")
            del again
    # of the others a hash is enough, and a second copy of the largest model would not fit beside it
    before = {name: digest_of({name: value}) for name, value in everything(pipe).items()}
    for naming in NAMINGS:
        pipe.load_lora_weights(str(folder), weight_name=f"{naming}.safetensors")
        pipe.fuse_lora()
        pipe.unload_lora_weights()
        fused = everything(pipe)
        errors = [missed(fused[name], base[name], delta) for name, delta in patch.deltas.items()]
        same = sum(digest_of({name: fused[name]}) == known for name, known in before.items())
        assert same == len(before) - len(errors), naming
        assert max(errors) < 1e-3, naming
        yield f"LoRA, {naming}", (f"{len(before)}", f"{same}", f"{len(errors)}", f"{max(errors):.1e}")
        for name, value in base.items():
            resolve(pipe, name).data.copy_(value)


def missed(found: Tensor, base: Tensor, delta: Delta) -> float:
    """How far a changed weight is from the base with the change, as a share of the change."""
    change = delta.of(base.double())
    return float((found - base - change).norm() / change.norm())


def low_rank(pipe: Any) -> Patch:
    """Random changes of rank `RANK`, about as large as the weights."""
    source = torch.Generator().manual_seed(0)
    deltas = {
        name: LowRank(
            0.1 * torch.randn(len(weight), RANK, generator=source),
            0.1 * torch.randn(RANK, weight.shape[1], generator=source),
        )
        for name, weight in named_parameters(pipe).items()
        if name.endswith(CHANGED)
    }
    return Patch.made_on(pipe, deltas, {"model": "random", "method": "by hand"})


def everything(pipe: Any) -> dict[str, Tensor]:
    """All tensors of a pipeline's networks by canonical name."""
    return {
        f"{component}.{name}": tensor
        for component, module in pipe.components.items()
        if isinstance(module, nn.Module)
        for name, tensor in tensors_of(module).items()
    }


if __name__ == "__main__":
    main()
