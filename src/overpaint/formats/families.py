"""The model families that original files exist for: what each component is called there, and by which layout.

A family is told by the structure of a pipeline, so that every fine-tuning of it is known too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from overpaint.backbone.kinds import nearest_kind
from overpaint.backbone.parameters import canonical_prefix
from overpaint.errors import BackboneError
from overpaint.formats.clip import as_published, open_clip
from overpaint.formats.flux import flux
from overpaint.formats.places import Layout, Place, place_names
from overpaint.formats.sd3 import sd3
from overpaint.formats.unet import unet
from overpaint.formats.vae import vae

__all__ = ["FAMILIES", "Family", "family_of", "tensors_of"]

DENOISER = "model.diffusion_model."


@dataclass(frozen=True)
class Family:
    """One family's original files.

    Attributes:
        name: as in ``overpaint methods``.
        title: for people.
        prefixes: by component, how its names begin in a checkpoint.
        layouts: by component, where its tensors go.
        kohya: by component, how its layers' names begin in a LoRA file of kohya's scripts.
        version: what those scripts call the base model (``ss_base_model_version``).
        architecture: what the Stability model specification calls it (``modelspec.architecture``).
        denoiser_names: whether LoRA files name the denoiser's layers by the checkpoint's names, not by diffusers'.
    """

    name: str
    title: str
    prefixes: Mapping[str, str]
    layouts: Mapping[str, Layout]
    kohya: Mapping[str, str]
    version: str
    architecture: str
    denoiser_names: bool = field(default=True, kw_only=True)

    def places(self, component: str, names: Any) -> dict[str, Place]:
        """Where a component's tensors stand in a checkpoint. BackboneError for one that has no place."""
        if component not in self.layouts:
            raise BackboneError(
                f"{component}: {self.title} checkpoints hold no such component; write a diffusers folder"
            )
        return place_names(self.layouts[component], self.prefixes[component], names)


FAMILIES = {
    family.name: family
    for family in (
        Family(
            "sd1",
            "Stable Diffusion 1.x",
            {"unet": DENOISER, "vae": "first_stage_model.", "text_encoder": "cond_stage_model.transformer."},
            {"unet": unet, "vae": vae, "text_encoder": as_published},
            {"unet": "lora_unet_", "text_encoder": "lora_te_"},
            "sd_v1",
            "stable-diffusion-v1",
            denoiser_names=False,
        ),
        Family(
            "sd2",
            "Stable Diffusion 2.x",
            {"unet": DENOISER, "vae": "first_stage_model.", "text_encoder": "cond_stage_model.model."},
            {"unet": unet, "vae": vae, "text_encoder": open_clip},
            {"unet": "lora_unet_", "text_encoder": "lora_te_"},
            "sd_v2",
            "stable-diffusion-v2-512",
            denoiser_names=False,
        ),
        Family(
            "sdxl",
            "Stable Diffusion XL",
            {
                "unet": DENOISER,
                "vae": "first_stage_model.",
                "text_encoder": "conditioner.embedders.0.transformer.",
                "text_encoder_2": "conditioner.embedders.1.model.",
            },
            {"unet": unet, "vae": vae, "text_encoder": as_published, "text_encoder_2": open_clip},
            {"unet": "lora_unet_", "text_encoder": "lora_te1_", "text_encoder_2": "lora_te2_"},
            "sdxl_base_v1-0",
            "stable-diffusion-xl-v1-base",
        ),
        Family(
            "sd3",
            "Stable Diffusion 3",
            {
                "transformer": DENOISER,
                "vae": "first_stage_model.",
                "text_encoder": "text_encoders.clip_l.transformer.",
                "text_encoder_2": "text_encoders.clip_g.transformer.",
                "text_encoder_3": "text_encoders.t5xxl.transformer.",
            },
            {
                "transformer": sd3,
                "vae": vae,
                **dict.fromkeys(("text_encoder", "text_encoder_2", "text_encoder_3"), as_published),
            },
            {
                "transformer": "lora_unet_",
                "text_encoder": "lora_te1_",
                "text_encoder_2": "lora_te2_",
                "text_encoder_3": "lora_te3_",
            },
            "sd3",
            "stable-diffusion-3",
        ),
        Family(
            "flux",
            "FLUX.1",
            {
                "transformer": DENOISER,
                "vae": "vae.",
                "text_encoder": "text_encoders.clip_l.transformer.",
                "text_encoder_2": "text_encoders.t5xxl.transformer.",
            },
            {"transformer": flux, "vae": vae, "text_encoder": as_published, "text_encoder_2": as_published},
            {"transformer": "lora_unet_", "text_encoder": "lora_te1_", "text_encoder_2": "lora_te3_"},
            "flux1",
            "flux-1-dev",
        ),
    )
}


def family_of(pipe: Any) -> Family:
    """The family of a pipeline, which may lack components. BackboneError if there are no original files of its kind.

    Among pipelines with a UNet and one text encoder OpenAI's CLIP tells the first version, OpenCLIP's the second.
    """
    kind = nearest_kind(pipe)
    name = None if kind is None else getattr(kind.backbone, "family", None)
    if kind is not None and name is None and pipe.text_encoder is not None:
        name = "sd1" if pipe.text_encoder.config.hidden_act == "quick_gelu" else "sd2"
    if name not in FAMILIES:
        raise BackboneError(f"{type(pipe).__name__}: no checkpoint or kohya layout is known; write a diffusers folder")
    return FAMILIES[name]


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Everything that a component's file holds, by published name; a tied tensor stands under each of its names."""
    prefix = canonical_prefix(module)
    return {prefix + name: tensor.detach() for name, tensor in module.state_dict().items()}
