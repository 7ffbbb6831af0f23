"""Which of a denoiser's parameters ESD trains, found by structure and named as published.

Linear layers and convolutions only, weights and biases, never norms: the groups of the authors' newer code.

| variant | trained | SD 1.4 | SDXL |
|---|---|---|---|
| ``x`` | cross-attention: queries, keys, values, outputs | 43.96 M | 545.7 M |
| ``x-strict`` | its keys and values | 19.17 M in 32 matrices | 340.8 M in 140 |
| ``u`` | everything but cross-attention | 815.4 M | 1,996.3 M |
| ``all`` | both | 859.3 M | 2,541.9 M |
| ``selfattn`` | self-attention | 49.6 M | |

A denoiser that is conditioned on more than time and text states (SDXL: picture size and pooled text) keeps what is
outside of its blocks, and their time projections, in ``u`` and ``all``.

In a transformer where text and picture tokens share every attention (FLUX, Stable Diffusion 3, Z-Image, Qwen-Image)
``x`` is all of these attentions and ``x-strict`` their keys and values, without those of the text's own stream, as the
authors have it for FLUX.1; the other variants are not published for it. FLUX.2's blocks of one stream keep queries,
keys, values and feed-forward layer in one matrix, which is in ``x`` and not in ``x-strict``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from torch import Tensor, nn

from overpaint.errors import BackboneError

__all__ = ["VARIANTS", "Slot", "Variant", "select"]

Variant = Literal["x", "x-strict", "u", "all", "selfattn"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)


@dataclass(frozen=True, eq=False)
class Slot:
    """A place for a parameter: ``leaf`` ("weight", "bias") of a module called ``path`` in the pipeline's component."""

    component: str
    path: str
    module: nn.Module
    leaf: str

    @property
    def name(self) -> str:
        """The parameter's canonical name."""
        return f"{self.component}.{self.path}.{self.leaf}"

    @property
    def value(self) -> Tensor:
        """What is in the place now, of the parameter's shape."""
        found: Tensor | None = self.module._parameters[self.leaf]
        assert found is not None
        return found

    def put(self, tensor: Tensor) -> None:
        """Put a tensor of the same shape in the place; it may be the result of a computation, whose graph goes on."""
        # Module.__setattr__ takes nothing but Parameters, which are leaves and would cut the graph
        parameters: dict[str, Any] = self.module._parameters
        parameters[self.leaf] = tensor


def select(denoiser: nn.Module, variant: Variant, component: str = "unet") -> tuple[Slot, ...]:
    """The places of a variant's parameters, in the denoiser's own order; ``component`` is its name in the pipeline.

    Raises:
        BackboneError: adapters lie on the denoiser (its weights have other names then), or it has no such layers.
    """
    if getattr(denoiser, "peft_config", None):
        raise BackboneError("the denoiser carries LoRA adapters; fuse or unload them before editing it")
    kinds = _attention(denoiser, shared=component != "unet")
    inner_only = getattr(denoiser, "add_embedding", None) is not None
    slots = [
        Slot(component, path, module, leaf)
        for path, module in denoiser.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d) and _wanted(path, kinds.get(path), variant, inner_only)
        for leaf in ("weight", "bias")
        if module._parameters.get(leaf) is not None
    ]
    if not slots:
        raise BackboneError(f"esd-{variant}: this denoiser has no such layers; take another variant")
    return tuple(slots)


def _attention(denoiser: nn.Module, shared: bool) -> dict[str, tuple[str, str]]:
    """For each layer of an attention: "cross" or "self", and the layer's name in it; shared ones count as cross."""
    found = {}
    for path, module in denoiser.named_modules():
        # the first is in every attention of diffusers but those of FLUX.2 that have the second
        if not (hasattr(module, "added_kv_proj_dim") or hasattr(module, "to_qkv_mlp_proj")):
            continue
        cross = shared or module.is_cross_attention
        for inner, layer in module.named_modules():
            if isinstance(layer, nn.Linear | nn.Conv2d):
                found[f"{path}.{inner}"] = ("cross" if cross else "self", inner)
    return found


def _wanted(path: str, attention: tuple[str, str] | None, variant: Variant, inner_only: bool) -> bool:
    kind, layer = attention or ("", "")
    if variant == "x":
        return kind == "cross"
    if variant == "x-strict":
        return kind == "cross" and layer in ("to_k", "to_v")
    if variant == "selfattn":
        return kind == "self"
    if variant == "u" and kind == "cross":
        return False
    return not inner_only or ("block" in path and "emb" not in path)
