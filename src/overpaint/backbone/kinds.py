"""The kinds of pipeline that there are adapters for, told apart by structure, never by name alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from overpaint.backbone.flux import Flux
from overpaint.backbone.flux2_klein import Flux2Klein
from overpaint.backbone.qwen_image import QwenImage
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.backbone.stable_diffusion_3 import StableDiffusion3
from overpaint.backbone.stable_diffusion_xl import StableDiffusionXL
from overpaint.backbone.z_image import ZImage
from overpaint.errors import BackboneError

__all__ = ["KINDS", "Kind", "kind_of", "kind_of_class", "kind_of_keys", "nearest_kind"]


@dataclass(frozen=True)
class Kind:
    """One kind of pipeline.

    Attributes:
        title: for people.
        backbone: its adapter, a `Backbone`; it names the family where all pipelines of the kind are of one.
        pipeline: diffusers' class for it.
        denoiser: diffusers' class of its denoiser.
        encoders: components that are text encoders.
        key: part of a tensor's name in single-file checkpoints of this kind that no earlier kind's has.
        has_checker: whether its pipeline wants to load a safety checker.
    """

    title: str
    backbone: type[Any]
    pipeline: str
    denoiser: str
    encoders: tuple[str, ...]
    key: str
    has_checker: bool = False

    @property
    def components(self) -> tuple[str, ...]:
        """What a pipeline of this kind must have."""
        tokenizers = tuple(name.replace("text_encoder", "tokenizer") for name in self.encoders)
        return (*self.encoders, *tokenizers, self.backbone.denoiser_name, "vae", "scheduler")


KINDS: tuple[Kind, ...] = (
    Kind(
        "FLUX.2 [klein]",
        Flux2Klein,
        "Flux2KleinPipeline",
        "Flux2Transformer2DModel",
        ("text_encoder",),
        "double_stream_modulation_",
    ),
    Kind(
        "Qwen-Image",
        QwenImage,
        "QwenImagePipeline",
        "QwenImageTransformer2DModel",
        ("text_encoder",),
        "txt_norm.",
    ),
    Kind(
        "FLUX.1",
        Flux,
        "FluxPipeline",
        "FluxTransformer2DModel",
        ("text_encoder", "text_encoder_2"),
        "double_blocks.",
    ),
    Kind(
        "Z-Image",
        ZImage,
        "ZImagePipeline",
        "ZImageTransformer2DModel",
        ("text_encoder",),
        "cap_embedder.",
    ),
    Kind(
        "Stable Diffusion 3 and 3.5",
        StableDiffusion3,
        "StableDiffusion3Pipeline",
        "SD3Transformer2DModel",
        ("text_encoder", "text_encoder_2", "text_encoder_3"),
        "joint_blocks.",
    ),
    Kind(
        "Stable Diffusion XL",
        StableDiffusionXL,
        "StableDiffusionXLPipeline",
        "UNet2DConditionModel",
        ("text_encoder", "text_encoder_2"),
        "conditioner.embedders.1.",
    ),
    Kind(
        "Stable Diffusion 1.x and 2.x",
        StableDiffusion,
        "StableDiffusionPipeline",
        "UNet2DConditionModel",
        ("text_encoder",),
        "cond_stage_model.",
        has_checker=True,
    ),
)
"""All of them; of two that a pipeline fits the first is meant."""


def nearest_kind(pipe: Any) -> Kind | None:
    """The kind that a pipeline is of, or would be if nothing were taken out of it; None if its denoiser is of none."""
    alike = [k for k in KINDS if type(getattr(pipe, k.backbone.denoiser_name, None)).__name__ == k.denoiser]
    return min(alike, key=lambda kind: len(_lacking(pipe, kind)), default=None)


def kind_of(pipe: Any) -> Kind:
    """The kind of a pipeline. BackboneError, saying what is missing, if it is of none."""
    nearest = nearest_kind(pipe)
    lacking = min((_lacking(pipe, kind) for kind in ([nearest] if nearest else KINDS)), key=len)
    if nearest is not None and not lacking:
        return nearest
    reason = f"has no {lacking[0]}" if lacking else "its denoiser is of another kind"
    raise BackboneError(f"{type(pipe).__name__}: {reason}; supported are {_supported()}")


def kind_of_class(name: str) -> Kind:
    """The kind that diffusers' pipeline class of that name is of. BackboneError if there is no adapter for it."""
    for kind in KINDS:
        if kind.pipeline == name:
            return kind
    raise BackboneError(f"is a {name}; supported are {_supported()}")


def kind_of_keys(keys: list[str]) -> Kind:
    """The kind of a single-file checkpoint by its tensors' names. BackboneError if they are those of none."""
    for kind in KINDS:
        if any(kind.key in key for key in keys):
            return kind
    raise BackboneError(f"holds no whole checkpoint of {_supported()}; name a diffusers folder instead")


def _lacking(pipe: Any, kind: Kind) -> list[str]:
    """Components of the kind that the pipeline does not have."""
    return [name for name in kind.components if getattr(pipe, name, None) is None]


def _supported() -> str:
    return ", ".join(kind.title for kind in KINDS)
