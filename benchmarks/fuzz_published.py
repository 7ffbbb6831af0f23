"""Spoilt LoRA files and files of changed weights: what is read does to the model what the numbers in the file say."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from benchmarks.fuzz_changes import altered, applied_rightly
from benchmarks.fuzz_kind import Files, Kind
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from tests.spoiling import TEXT, Spoil, reheaded, spoilt
from torch import Tensor

from overpaint.backbone.parameters import named_parameters, resolve
from overpaint.formats.lora import adapter_of
from overpaint.formats.lora_file import NAMINGS, write_lora
from overpaint.formats.published import read_published
from overpaint.formats.weights import write_weights
from overpaint.patch import Patch

__all__ = ["kinds"]

ROUNDING = 1e-5
"""Of changes that are kept in float32, as a share of the largest weight or change."""
PAIRS = {".lora_A.weight": ".lora_B.weight", ".lora_down.weight": ".lora_up.weight"}
COMPONENTS = {"lora_te_": "text_encoder.", "lora_unet_": "unet."}


def kinds(pipe: Any, patch: Patch, folder: Path) -> Iterator[Kind]:
    """Kinds of files by others that do what ``patch`` does, as far as they can."""
    adapter = adapter_of(patch, pipe)
    paths = [write_lora(adapter, pipe, folder / f"{naming}.safetensors", naming) for naming in NAMINGS]
    unet = {name: delta for name, delta in patch.deltas.items() if name.startswith("unet.")}
    paths.append(write_weights(Patch.made_on(pipe, unet), pipe, folder / "weights.safetensors"))
    loaded = [load_file(path) for path in paths]
    # of several words the header has a random order: with one, the same seed gives the same bytes
    files = [(to_bytes(tensors, {"format": "pt"}), tensors) for tensors in loaded]
    yield Kind("published, bytes", 7, lambda source: bytes_of(source, files), partial(judge, pipe))
    yield Kind("published, altered", 7, lambda source: altered_of(source, files), partial(judge, pipe))


def bytes_of(source: random.Random, files: list[tuple[bytes, dict[str, Tensor]]]) -> Files:
    ways: list[Spoil] = [*TEXT, *[reheaded] * 6]
    return {"edit.safetensors": spoilt(source, source.choice(files)[0], ways)}


def altered_of(source: random.Random, files: list[tuple[bytes, dict[str, Tensor]]]) -> Files:
    tensors = altered(source, source.choice(files)[1])
    if source.random() < 0.2:
        tensors |= {name: tensor.clone() for name, tensor in source.choice(files)[1].items()}
    return {"edit.safetensors": to_bytes(tensors, {"format": source.choice(["pt", "erasing-esd-v2", "\n"])})}


def judge(pipe: Any, folder: Path) -> None:
    path = folder / "edit.safetensors"
    patch = read_published(path, pipe, "tiny")
    applied_rightly(patch, pipe, lambda: said_by(load_file(path), pipe), share=ROUNDING)


def said_by(tensors: Mapping[str, Tensor], pipe: Any) -> dict[str, Tensor]:
    """What becomes of each weight, in float64, by the names and numbers of a file."""
    layers = {plain(name.removesuffix(".weight")): name for name in named_parameters(pipe) if name.endswith(".weight")}
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        end = next((end for end in PAIRS if name.endswith(end)), None)
        if end is not None:
            layer = name.removesuffix(end)
            up, down = tensors[layer + PAIRS[end]].double(), tensor.double()
            alpha = float(tensors.get(f"{layer}.alpha", torch.tensor(float(len(down)))))
            weight = layers[plain(layer)]
            base = found.get(weight, resolve(pipe, weight).detach().double())
            found[weight] = base + alpha / len(down) * (up.flatten(1) @ down.flatten(1)).reshape(base.shape)
        elif not name.endswith((*PAIRS.values(), ".alpha")):
            found[name if name.startswith("unet.") else f"unet.{name}"] = tensor.double()
    return found


def plain(layer: str) -> str:
    """The name of a layer without what namings differ in."""
    for prefix, component in COMPONENTS.items():
        layer = layer.replace(prefix, component, 1) if layer.startswith(prefix) else layer
    return re.sub("[._]", "", layer)
