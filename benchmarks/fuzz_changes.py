"""Spoilt patches and guards: what is read does to a model what the numbers in the file say, and comes off again."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.fuzz_kind import Files, Kind, command
from safetensors.torch import save as to_bytes
from tests.spoiling import ODD, TEXT, Spoil, as_json, reheaded, retold, spliced, spoilt
from torch import Tensor

from overpaint.backbone.parameters import named_parameters, resolve
from overpaint.cli.patch_options import told
from overpaint.cli.patches import base_model, read_change, read_patch
from overpaint.errors import OverpaintError
from overpaint.guards import Guard
from overpaint.guards.rules import NegativePrompt, SafeGuidance
from overpaint.patch import Delta, Dense, LowRank, Mapped, Patch
from overpaint.patch.container import KEY, described
from overpaint.patch.removal import without
from overpaint.report.patch_card import patch_card

__all__ = ["altered", "applied_rightly", "good_patches", "kinds"]

BLOCK = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2"
FC2 = "text_encoder.text_model.encoder.layers.0.mlp.fc2"
PLAN = {
    "model": "emoji",
    "seed": 3,
    "plan": {"edits": [{"erase": "pizza"}]},
    "method": "uce",
    "versions": {"torch": "2"},
}


def kinds(pipe: Any, folder: Path) -> Iterator[Kind]:
    """Kinds of patches and guards, for the tiny pipeline."""
    patches = good_patches(pipe)
    guards = [Guard(SafeGuidance("pizza, hens", warmup=0), PLAN), Guard(NegativePrompt("pizza"), PLAN)]
    changes: list[Patch | Guard] = [*patches, *guards]
    files = [change.save(folder / "whole.safetensors").read_bytes() for change in changes]
    loaded = [(*parts(data), data) for data in files]
    good = patches[0].save(folder / "good.safetensors")
    whole = loaded[: len(patches)]
    yield Kind("patches and guards, bytes", 18, partial(bytes_of, files), partial(judge_bytes, changes))
    yield Kind("patches, signed", 8, lambda source: signed(source, whole), partial(judge_patch, pipe, good))
    yield Kind("guards, signed", 1, lambda source: signed(source, loaded[len(patches) :]), partial(judge_guard, pipe))


def good_patches(pipe: Any) -> list[Patch]:
    """A patch with every kind of change, a sum, and an empty one."""
    generator = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) * 0.1

    def low(name: str, rank: int = 2) -> LowRank:
        weight = resolve(pipe, name)
        return LowRank(noise(len(weight), rank), noise(rank, weight[0].numel()))

    key, value = (f"{BLOCK}.to_{x}.weight" for x in "kv")
    inputs = resolve(pipe, key).shape[1]
    shared = LowRank(noise(inputs, 1), noise(1, inputs))
    deltas: dict[str, Delta] = {
        f"{FC2}.weight": low(f"{FC2}.weight"),
        f"{FC2}.bias": Dense(noise(*resolve(pipe, f"{FC2}.bias").shape)),
        "unet.conv_in.weight": low("unet.conv_in.weight"),
        key: Mapped(shared),
        value: Mapped(shared, low(value, 1)),
    }
    first = Patch.made_on(pipe, deltas, {**PLAN, "scale": 1.0})
    second = Patch.made_on(pipe, {f"{FC2}.weight": low(f"{FC2}.weight", 1)}, PLAN)
    return [first, first + second, Patch({}, {}, PLAN)]


# ---- making ---------------------------------------------------------------------------------------------------------


def bytes_of(files: list[bytes], source: random.Random) -> Files:
    ways: list[Spoil] = [*TEXT, partial(spliced, files), *[reheaded] * 4]
    return {"patch.safetensors": spoilt(source, source.choice(files), ways)}


def parts(data: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The document of a whole file, and its tensors."""
    header, start = header_of(data)
    document = json.loads(header.pop("__metadata__")[KEY])
    return document, {name: numbers(data[start:], said) for name, said in header.items()}


def header_of(data: bytes) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file, and where its tensors begin."""
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), 8 + length


def numbers(data: bytes, said: Mapping[str, Any]) -> Tensor:
    start, stop = said["data_offsets"]
    assert said["dtype"] == "F32"
    return torch.from_numpy(np.frombuffer(data[start:stop], "<f4").reshape(said["shape"]).copy())


def signed(source: random.Random, whole: list[tuple[dict[str, Any], dict[str, Tensor], bytes]]) -> Files:
    """A file in which other things are said and other numbers stand, with the digest that belongs to them."""
    document, tensors, _ = source.choice(whole)
    document = {name: value for name, value in document.items() if name != "digest"}
    if source.random() < 0.7:
        document = retold(source, document, [*ODD, float("nan"), float("inf")])
    if source.random() < 0.6:
        tensors = altered(source, tensors)
    text = as_json(document)
    with suppress(RecursionError):  # what cannot even be signed is read as well
        text = described(tensors, json.loads(text))
    return {"patch.safetensors": to_bytes(tensors, {KEY: text})}


def altered(source: random.Random, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Other numbers, types, shapes and names."""
    found = dict(tensors)
    for _ in range(source.choice((1, 1, 2))):
        if not found:
            return {"x.value": torch.ones(2)}
        name, other = source.choice(sorted(found)), source.choice(sorted(found))
        change = source.choice(ALTERATIONS)(source, name, found[name])
        if source.random() < 0.15:
            del found[name]
        elif source.random() < 0.15:
            change = {name: found[other], other: found[name]}
        found |= change
    return {name: tensor.contiguous().clone() for name, tensor in found.items()}


def otherwise_called(source: random.Random, name: str, tensor: Tensor) -> dict[str, Tensor]:
    ends = ["", ".up", ".x", "\n", "é", "\x1b[0m"]
    return {source.choice([name + source.choice(ends), name.replace(".up", ".value"), name[1:]]): tensor}


def otherwise_typed(source: random.Random, name: str, tensor: Tensor) -> dict[str, Tensor]:
    types = [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool, torch.complex64]
    return {name: tensor.to(source.choice([*types, torch.float8_e4m3fn]))}


def otherwise_shaped(source: random.Random, name: str, tensor: Tensor) -> dict[str, Tensor]:
    empty = torch.empty(source.choice([(0,), (), (0, 3), (1, 0), (1,) * 6]))
    turned = tensor.mT if tensor.ndim > 1 else tensor[:1] if tensor.ndim else tensor[None]
    half = tensor[: len(tensor) // 2] if tensor.ndim else tensor
    return {name: source.choice([empty, tensor.reshape(-1), turned, half, tensor[None]])}


def otherwise_valued(source: random.Random, name: str, tensor: Tensor) -> dict[str, Tensor]:
    value = source.choice([0.0, 1.0, -2.5, 1e-42, 1e30, 3e38, float("nan"), float("inf")])
    changed = tensor.clone()
    if source.random() < 0.3:
        return {name: torch.full_like(changed, value) if changed.is_floating_point() else changed}
    if changed.numel() and changed.is_floating_point():
        changed.reshape(-1)[source.randrange(changed.numel())] = value
    return {name: changed}


Alteration = Callable[[random.Random, str, Tensor], dict[str, Tensor]]
ALTERATIONS: list[Alteration] = [otherwise_called, otherwise_typed, otherwise_shaped, *[otherwise_valued] * 2]


# ---- judging --------------------------------------------------------------------------------------------------------


def judge_bytes(originals: list[Patch | Guard], folder: Path) -> None:
    """Nothing but what was written is read."""
    change = read_change(folder / "patch.safetensors")
    original = next(one for one in originals if one.hash == change.hash and type(one) is type(change))
    assert change.provenance == original.provenance
    assert getattr(change, "base", None) == getattr(original, "base", None)


def judge_patch(pipe: Any, good: Path, folder: Path) -> None:
    path = folder / "patch.safetensors"
    patch = read_patch(path)
    assert "parameters" in command("patch", "info", path)
    command("patch", "diff", path, good)
    patch_card(patch).encode()
    patch_card(patch, whole=True).encode()
    assert all(isinstance(value, str) for value in told(patch).values())
    with suppress(OverpaintError):
        base_model(patch, None, path)
    again = Patch.load(patch.save(folder / "again.safetensors"))
    assert (again.hash, again.provenance, again.base) == (patch.hash, patch.provenance, patch.base)
    with suppress(OverpaintError):
        command("patch", "scale", path, "0.5", "--out", folder / "half.safetensors")
        assert Patch.load(folder / "half.safetensors").hash == patch.scale(0.5).hash
    with suppress(OverpaintError):
        whole = Patch.load(good)
        command("patch", "add", path, good, "--out", folder / "sum.safetensors")
        without(Patch.load(folder / "sum.safetensors"), whole)
    document, tensors = parts(path.read_bytes())
    applied_rightly(patch, pipe, changes_of(pipe, document, tensors))


def changes_of(
    pipe: Any, document: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> Callable[[], dict[str, Tensor]]:
    """What the file's own numbers say that becomes of each weight, in float64."""

    def change(name: str, base: Tensor | None = None) -> Tensor | None:
        if f"{name}.value" in tensors:
            found = tensors[f"{name}.value"].double()
        elif f"{name}.up" in tensors:
            found = tensors[f"{name}.up"].double() @ tensors[f"{name}.down"].double()
        else:
            return None
        return found if base is None else base @ found

    def mapped(name: str, base: Tensor) -> Tensor:
        key = document["maps"][name]
        left = base if f"{key}.value" in tensors else base @ tensors[f"{key}.up"].double()
        through = left @ tensors[f"{key}.value" if f"{key}.value" in tensors else f"{key}.down"].double()
        rest = change(name)
        return through if rest is None else through + rest

    def wanted() -> dict[str, Tensor]:
        found = {}
        for name in document["base"]:
            base = resolve(pipe, name).detach().double()
            moved = mapped(name, base) if name in document.get("maps", {}) else change(name)
            assert moved is not None
            found[name] = base + moved.reshape(base.shape)
        return found

    return wanted


def applied_rightly(patch: Patch, pipe: Any, wanted: Callable[[], Mapping[str, Tensor]], share: float = 0.0) -> None:
    """On the model the weights are what is wanted (to a share of the largest one), all others as they were.

    Taken off, it leaves every bit as it was. Refused, it has left all alone.
    """
    before = {name: value.detach().clone() for name, value in named_parameters(pipe).items()}
    try:
        with patch.applied_to(pipe):
            now = {name: value.detach().clone() for name, value in named_parameters(pipe).items()}
    finally:
        after = named_parameters(pipe)
        kept = all(torch.equal(value, after[name]) for name, value in before.items())
        assert kept, "taking it off does not restore the model"
    expected = wanted()
    for name, value in now.items():
        known = expected.get(name, before[name].double())
        if share and name in expected:
            room = share * max(float(known.abs().max()), float(before[name].abs().max()))
            assert bool(((value.double() - known).abs() <= room).all()), f"{name} is not what the file says"
        else:
            assert torch.equal(value, known.to(value.dtype)), f"{name} is not what the file says"


def judge_guard(pipe: Any, folder: Path) -> None:
    path = folder / "patch.safetensors"
    guard = read_change(path)
    assert command("patch", "info", path)
    header, _ = header_of(path.read_bytes())
    if not isinstance(guard, Guard):
        raise AssertionError("a guard was read as a patch")
    said = json.loads(header["__metadata__"][KEY])["guard"]
    assert {name: guard.described[name] for name in said} == said
    draw = partial(pipe, "cat", height=16, width=16, num_inference_steps=1, guidance_scale=3.0, output_type="latent")
    alone = draw(generator=torch.Generator().manual_seed(0)).images
    with guard.applied_to(pipe):
        assert bool(draw(generator=torch.Generator().manual_seed(0)).images.isfinite().all())
    assert torch.equal(draw(generator=torch.Generator().manual_seed(0)).images, alone), "the guard stays on"
