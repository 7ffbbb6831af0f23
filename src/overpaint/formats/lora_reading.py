"""LoRA files of any trainer as patches: kohya's, LECO's, concept sliders', peft's and diffusers' older namings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from overpaint.backbone.parameters import named_parameters, resolve
from overpaint.errors import BackboneError, PatchError
from overpaint.formats.clip import as_published
from overpaint.formats.families import Family, family_of
from overpaint.formats.places import Layout, Place, joined, module_of, place_names
from overpaint.linear.precision import exact
from overpaint.patch import Delta, LowRank, Patch
from overpaint.patch.delta import add

__all__ = ["is_lora", "patch_of_lora"]

ENDS = {
    ".lora_down.weight": ("down", ".lora_up.weight"),
    ".lora_A.weight": ("down", ".lora_B.weight"),
    ".lora_A.default.weight": ("down", ".lora_B.default.weight"),
    ".lora.down.weight": ("down", ".lora.up.weight"),
    ".lora_linear_layer.down.weight": ("down", ".lora_linear_layer.up.weight"),
    "_lora.down.weight": ("down", "_lora.up.weight"),
}
"""How the name of a layer's first factor ends, and that of the second."""
FOREIGN = (
    ".dora_scale",
    ".lora_magnitude_vector",
    ".hada_w1_a",
    ".lokr_w1",
    ".lokr_w2",
    ".lora_mid.weight",
    ".oft_blocks",
    ".diff",
    ".diff_b",
)
"""Parts of layers that are no plain product of two factors."""


DENOISER_PREFIXES = ("lora_unet_", "diffusion_model.")
"""How trainers begin the names of the denoiser's layers."""


def is_lora(tensors: Mapping[str, Tensor]) -> bool:
    """Whether a file's names are those of a LoRA, of whatever kind."""
    return any(name.endswith((*ENDS, *(up for _, up in ENDS.values()), *FOREIGN)) for name in tensors)


def patch_of_lora(tensors: Mapping[str, Tensor], pipe: Any, provenance: Mapping[str, Any]) -> Patch:
    """What the LoRA does at strength 1: ``alpha / rank * up @ down`` for every layer.

    Raises PatchError, without the path, if a layer is of another kind (DoRA, LoHa, LoKr...), not whole, unknown to
    the model, of another shape or no real numbers, or if nothing changes.
    """
    left = dict(tensors)
    known = _known(pipe)
    deltas: dict[str, Delta] = {}
    for key in tensors:
        end = next((end for end in ENDS if key.endswith(end)), None)
        if end is None:
            continue
        layer = key.removesuffix(end)
        down, up = left.pop(key), left.pop(layer + ENDS[end][1], None)
        if up is None:
            raise PatchError(f"{layer} is not whole: it has {end.strip('._')} and no {ENDS[end][1].strip('._')}")
        for factor in (down, up):
            if not factor.is_floating_point() or factor.ndim < 2 or not factor.numel():
                kind = f"{str(factor.dtype)[6:]} of shape {tuple(factor.shape)}"
                raise PatchError(f"{layer} has a factor that is no matrix of real numbers: {kind}")
            if not bool(exact(factor).isfinite().all()):
                raise PatchError(f"{layer} has a factor with values that are not finite; its training diverged")
        scale = _alpha(layer, left.pop(f"{layer}.alpha", None), len(down)) / len(down)
        target = known.get(_plain(layer))
        if target is None:
            raise PatchError(f"{layer} is no layer of this model; was the LoRA made for another kind of model?")
        for name, delta in _changes(layer, exact(up) * scale, exact(down), *target, pipe):
            deltas[name] = add(deltas[name], delta) if name in deltas else delta
    if left:
        name = sorted(left)[0]
        if name.endswith(FOREIGN):
            raise PatchError(f"{name}: a LoRA of this kind is not read; only plain products of two factors are")
        raise PatchError(f"{name} belongs to no layer of the LoRA")
    if not deltas:
        raise PatchError("changes nothing: its factors are all 0; was it trained at all?")
    return Patch.made_on(pipe, deltas, provenance)


def _alpha(layer: str, alpha: Tensor | None, rank: int) -> float:
    """The number that the product is multiplied by, times its rank, which it is where nothing is said."""
    if alpha is None:
        return rank
    if alpha.numel() != 1 or alpha.is_complex() or not bool(exact(alpha).isfinite()):  # float8 has no isfinite
        raise PatchError(f"{layer} has an alpha that is no number, but {alpha.flatten()[:3].tolist()}")
    return float(alpha)


def _changes(
    layer: str, up: Tensor, down: Tensor, names: list[str], places: Mapping[str, Place], pipe: Any
) -> Iterator[tuple[str, LowRank]]:
    """The changes of the weights that a layer of the file joins."""
    bases = [resolve(pipe, name) for name in names]
    up, down = up.flatten(1), down.flatten(1)
    sizes = [len(base) for base in bases]
    inputs = bases[0][0].numel()
    if len(up) != sum(sizes) or down.shape[1] != inputs or up.shape[1] != len(down):
        raise PatchError(
            f"{layer} has factors {tuple(up.shape)} and {tuple(down.shape)}, and the model's layer is"
            f" {sum(sizes)} x {inputs}"
        )
    for name, part in zip(names, up.split(sizes), strict=True):
        if bool(part.any()) and bool(down.any()):
            yield name, LowRank(places[name].take(part), down)


def _known(pipe: Any) -> dict[str, tuple[list[str], Mapping[str, Place]]]:
    """By a layer's name in any naming, reduced by `_plain`, the weights that it joins and their places."""
    weights = [name for name, value in named_parameters(pipe).items() if value.ndim >= 2 and name.endswith(".weight")]
    found: dict[str, tuple[list[str], Mapping[str, Place]]] = {}
    for places in (*_layouts(pipe, weights), {name: Place(name) for name in weights}):
        found |= {_plain(module_of(key)): (names, places) for key, names in joined(places).items()}
    return found


def _layouts(pipe: Any, weights: list[str]) -> Iterator[dict[str, Place]]:
    """The weights' names with the trainers' beginnings: the denoiser's are diffusers' or the original ones."""
    try:
        family: Family | None = family_of(pipe)
    except BackboneError:
        family = None
    for component in {name.partition(".")[0] for name in weights}:
        own = [name.removeprefix(f"{component}.") for name in weights if name.startswith(f"{component}.")]
        layouts: list[Layout] = [as_published]
        prefixes = [family.kohya[component]] if family and component in family.kohya else []
        if component in ("unet", "transformer"):
            layouts += [family.layouts[component]] if family else []
            prefixes = list(DENOISER_PREFIXES)
        for layout in layouts:
            for prefix in prefixes:
                yield {f"{component}.{name}": place for name, place in place_names(layout, prefix, own).items()}


def _plain(layer: str) -> str:
    """A layer's name without what the namings differ in."""
    name = layer.removeprefix("base_model.model.").replace(".processor.", ".")
    if ".self_attn.to_" in name:
        name = name.replace(".self_attn.to_", ".self_attn.") + "_proj"
    elif name.endswith(".to_out"):
        name += ".0"
    return name.replace(".", "_")
