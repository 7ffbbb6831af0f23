"""Models of true configuration at random weights, so that nothing is downloaded; tokenizers are the bundled model's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

import overpaint

__all__ = ["MODELS", "sd1", "sd2", "sdxl", "tiny"]


def sd1(dtype: torch.dtype | None) -> Any:
    """Stable Diffusion 1.4. ``dtype`` None, here and below: shapes without weights."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(cross_attention_dim=768, sample_size=64)
        text = CLIPTextModel(_clip(768, 12, 12))
        vae = _vae(0.18215)
    return _sd(unet, text, vae, PNDMScheduler(steps_offset=1, skip_prk_steps=True, **_NOISE), dtype)


def sd2(dtype: torch.dtype | None) -> Any:
    """Stable Diffusion 2.1, which predicts v."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            cross_attention_dim=1024, sample_size=96, attention_head_dim=(5, 10, 20, 20), use_linear_projection=True
        )
        text = CLIPTextModel(_clip(1024, 23, 16, "gelu"))
        vae = _vae(0.18215)
    scheduler = DDIMScheduler(steps_offset=1, prediction_type="v_prediction", **_NOISE)
    return _sd(unet, text, vae, scheduler, dtype)


def sdxl(dtype: torch.dtype | None) -> Any:
    """Stable Diffusion XL, its base model."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            sample_size=128,
            block_out_channels=(320, 640, 1280),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2, 10),
            attention_head_dim=(5, 10, 20),
            cross_attention_dim=2048,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
        )
        first = CLIPTextModel(_clip(768, 12, 12))
        second = CLIPTextModelWithProjection(_clip(1280, 32, 20, "gelu", projection_dim=1280))
        vae = _vae(0.13025)
    tokenizer = overpaint.load("emoji", device="cpu").tokenizer
    pipe: Any = StableDiffusionXLPipeline(
        vae=_random(vae, dtype),
        text_encoder=_random(first, dtype),
        text_encoder_2=_random(second, dtype),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=_random(unet, dtype),
        scheduler=EulerDiscreteScheduler(steps_offset=1, **_NOISE),
        add_watermarker=False,
    )
    return pipe


def tiny(dtype: torch.dtype | None) -> Any:
    """Two levels and three layers of Stable Diffusion 1.x, to try a benchmark on."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(16, 32),
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            layers_per_block=1,
            norm_num_groups=8,
            attention_head_dim=8,
            cross_attention_dim=32,
        )
        text = CLIPTextModel(_clip(32, 3, 4))
        vae = AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, scaling_factor=0.18215)
    return _sd(unet, text, vae, DDIMScheduler(**_NOISE), dtype)


MODELS: Mapping[str, Callable[[torch.dtype | None], Any]] = MappingProxyType(
    {"sd1": sd1, "sd2": sd2, "sdxl": sdxl, "tiny": tiny}
)
"""By name, what makes a pipeline in a type; without one, on the meta device."""

_NOISE: Mapping[str, Any] = MappingProxyType(
    {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
)


def _sd(unet: nn.Module, text: nn.Module, vae: nn.Module, scheduler: Any, dtype: torch.dtype | None) -> Any:
    pipe: Any = StableDiffusionPipeline(
        vae=_random(vae, dtype),
        text_encoder=_random(text, dtype),
        tokenizer=overpaint.load("emoji", device="cpu").tokenizer,
        unet=_random(unet, dtype),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return pipe


def _clip(width: int, layers: int, heads: int, activation: str = "quick_gelu", **more: Any) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=49408,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        hidden_act=activation,
        **more,
    )


def _vae(scale: float) -> Any:
    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        scaling_factor=scale,
    )


def _random(module: nn.Module, dtype: torch.dtype | None) -> nn.Module:
    """A module of the meta device with weights of a seed; norms keep their ones, so that states stay of a size."""
    if dtype is None:
        return module
    torch.manual_seed(0)
    module.to(dtype).to_empty(device="cpu")
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.fill_(1.0) if "norm" in name and name.endswith("weight") else parameter.uniform_(-0.03, 0.03)
    for name, buffer in module.named_buffers():
        if name.endswith("position_ids"):
            buffer.copy_(torch.arange(buffer.shape[-1])[None])
    return module.eval()
