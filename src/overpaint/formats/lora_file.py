"""LoRA files in the two namings that are read everywhere.

``diffusers``: peft's names, for ``load_lora_weights`` and ComfyUI. ``kohya``: those of kohya's training scripts, for
A1111, Forge and ComfyUI, and diffusers too. The strength is 1 in both: alpha is the rank.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import pad

from overpaint.backbone.parameters import resolve
from overpaint.errors import PatchError
from overpaint.files import replacing
from overpaint.formats.families import DENOISER, Family, family_of, tensors_of
from overpaint.formats.lora import Adapter, Layer
from overpaint.formats.places import Place, joined, module_of

__all__ = ["NAMINGS", "Naming", "kohya_places", "lora_tensors", "write_lora"]

Naming = Literal["diffusers", "kohya"]
NAMINGS: tuple[Naming, ...] = get_args(Naming)


def write_lora(
    adapter: Adapter,
    pipe: Any,
    path: str | Path,
    naming: Naming = "diffusers",
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write a LoRA file, whole or not at all.

    Args:
        adapter: the layers (`overpaint.formats.lora.adapter_of`).
        pipe: the base model; kohya's names depend on its family.
        path: the file, with the suffix ``.safetensors``.
        naming: see above.
        metadata: more to tell in the file's header.

    Raises:
        BackboneError: kohya has no names for this family.
        PatchError: the programs that read this naming cannot load one of the layers.
    """
    tensors = lora_tensors(adapter, pipe, naming)
    header = {"format": "pt"} if naming == "diffusers" else _header(tensors, family_of(pipe))
    with replacing(path) as temporary:
        save_file(tensors, temporary, {**header, **(metadata or {})})
    return Path(path)


def lora_tensors(adapter: Adapter, pipe: Any, naming: Naming) -> dict[str, Tensor]:
    """The file's tensors, contiguous, by name. Raises as `write_lora`."""
    return _diffusers(adapter, pipe) if naming == "diffusers" else _kohya(adapter, pipe)


def kohya_places(pipe: Any) -> dict[str, Place]:
    """By canonical parameter name, kohya's name of its layer, and which of several that the layer joins."""
    family = family_of(pipe)
    found: dict[str, Place] = {}
    for component, prefix in family.kohya.items():
        names = list(tensors_of(getattr(pipe, component)))
        original = family.denoiser_names and family.prefixes[component] == DENOISER
        places = family.layouts[component](names) if original else {name: Place(name) for name in names}
        for name, place in places.items():
            if name.endswith(".weight"):
                key = prefix + place.key.removesuffix(".weight").replace(".", "_")
                found[f"{component}.{name}"] = Place(key, place.part, place.form)
    return found


def _diffusers(adapter: Adapter, pipe: Any) -> dict[str, Tensor]:
    for name in adapter.layers:
        component = name.partition(".")[0]
        kind = type(getattr(pipe, component)).__name__
        if component.startswith("text_encoder") and "CLIP" not in kind:
            named = "--naming kohya, or " if "T5" in kind else ""
            raise PatchError(f"{name}: diffusers loads no LoRA of a {kind}; use {named}overpaint patch apply")
    factors = {name: (layer.up, layer.down) for name, layer in adapter.layers.items()}
    kernels = {name: layer.kernel for name, layer in adapter.layers.items()}
    found: dict[str, Tensor] = {}
    for name, (up, down) in _of_one_rank(_with_attention(factors, pipe), ".").items():
        up, down = _shaped(up, down, kernels.get(name))
        found |= {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}
    return found


def _kohya(adapter: Adapter, pipe: Any) -> dict[str, Tensor]:
    places = kohya_places(pipe)
    names = joined(places)
    factors: dict[str, tuple[Tensor, Tensor]] = {}
    kernels: dict[str, tuple[int, ...] | None] = {}
    for name, layer in adapter.layers.items():
        place = places[f"{name}.weight"]
        if place.key not in factors:
            parts = names[place.key]
            up, down = _joined(
                [adapter.layers.get(module_of(part)) for part in parts], [len(resolve(pipe, p)) for p in parts]
            )
            factors[place.key], kernels[place.key] = (place.put(up), down), layer.kernel
    found: dict[str, Tensor] = {}
    for key, (up, down) in _of_one_rank(_with_outputs(factors), "_").items():
        up, down = _shaped(up, down, kernels.get(key))
        found |= {f"{key}.lora_up.weight": up, f"{key}.lora_down.weight": down}
        found[f"{key}.alpha"] = torch.tensor(float(len(down)), dtype=up.dtype)
    return found


def _with_outputs(factors: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, tuple[Tensor, Tensor]]:
    """With a zero change of the attention's output beside changes of a text encoder's queries, keys or values.

    diffusers knows by an output layer that there are attention layers in kohya's naming, and drops them without one.
    """
    found = dict(factors)
    for key, (up, down) in factors.items():
        layer, attention, projection = key.rpartition("_self_attn_")
        if attention and projection != "out_proj" and layer.startswith("lora_te"):
            found.setdefault(f"{layer}_self_attn_out_proj", (up[:, :0], down[:0]))
    return found


def _with_attention(factors: Mapping[str, tuple[Tensor, Tensor]], pipe: Any) -> dict[str, tuple[Tensor, Tensor]]:
    """With a zero change of an attention's output in each text encoder of which feed-forward layers alone change.

    diffusers tells the naming of a text encoder's layers by those of its attention, and refuses files without any.
    """
    found = dict(factors)
    text = {name.partition(".")[0]: name for name in factors if name.startswith("text_encoder") and ".mlp." in name}
    for component, name in text.items():
        if any(other.startswith(f"{component}.") and ".self_attn." in other for other in factors):
            continue
        output, (up, down) = f"{name.partition('.mlp.')[0]}.self_attn.out_proj", factors[name]
        width = len(resolve(pipe, f"{output}.weight"))
        found[output] = up.new_zeros(width, 0), down.new_zeros(0, width)
    return found


def _of_one_rank(factors: Mapping[str, tuple[Tensor, Tensor]], separator: str) -> dict[str, tuple[Tensor, Tensor]]:
    """All layers of a component with one rank, by zeros, and 1 at least.

    diffusers scales a layer by its alpha over its rank, takes the commonest rank of a component for all its alphas in
    peft's naming, and loses most alphas of attention layers in kohya's. With one rank nothing can go wrong.
    """
    ranks: dict[str, int] = {}
    component = {name: separator.join(name.split(separator)[: 1 if separator == "." else 2]) for name in factors}
    for name, (_, down) in factors.items():
        ranks[component[name]] = max(ranks.get(component[name], 1), len(down))
    more = {name: ranks[component[name]] - len(down) for name, (_, down) in factors.items()}
    return {name: (pad(up, (0, more[name])), pad(down, (0, 0, 0, more[name]))) for name, (up, down) in factors.items()}


def _joined(layers: list[Layer | None], sizes: list[int]) -> tuple[Tensor, Tensor]:
    """The change of a layer whose outputs are those of several, one under the other: (out, r) and (r, in)."""
    given = [layer for layer in layers if layer is not None]
    none = given[0].up.new_zeros
    ups = [none(size, 0) if layer is None else layer.up for layer, size in zip(layers, sizes, strict=True)]
    return torch.block_diag(*ups), torch.cat([layer.down for layer in given])


def _shaped(up: Tensor, down: Tensor, kernel: tuple[int, ...] | None) -> tuple[Tensor, Tensor]:
    """Factors as layers of their kind have them: a convolution's kernel, then one of 1 x 1."""
    if kernel is not None:
        down, up = down.reshape(len(down), -1, *kernel), up[:, :, None, None]
    return up.contiguous(), down.contiguous()


def _header(tensors: Mapping[str, Tensor], family: Family) -> dict[str, str]:
    """What A1111 sorts LoRA files by."""
    rank = str(max(len(tensor) for key, tensor in tensors.items() if key.endswith(".lora_down.weight")))
    return {
        "ss_network_module": "networks.lora",
        "ss_network_dim": rank,
        "ss_network_alpha": rank,
        "ss_base_model_version": family.version,
        "ss_v2": str(family.name == "sd2"),
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": f"{family.architecture}/lora",
    }
