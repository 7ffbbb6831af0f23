"""Stable Diffusion 1.x and 2.x."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel

from tests.models.autoencoder import tiny_vae
from tests.models.clip import EOS, tiny_text_model, tiny_tokenizer
from tests.models.noise import scaled_linear


def tiny_sd(
    prediction_type: str = "epsilon",
    *,
    version: int = 1,
    scheduler: type = DDIMScheduler,
    window: int = 77,
    layers: int = 3,
    seed: int = 0,
    full: bool = False,
    **text: Any,
) -> Any:
    """A pipeline of SD 1.x (version 1) or 2.x (version 2: OpenCLIP's gelu, "!" padding, linear projections).

    ``full``: the UNet with all four levels and blocks of the published ones, narrow; otherwise the smallest that has
    every kind of part.
    """
    tokenizer = tiny_tokenizer(window, pad="!" if version == 2 else EOS)
    text.setdefault("activation", "gelu" if version == 2 else "quick_gelu")
    text_encoder = tiny_text_model(tokenizer, layers=layers, seed=seed, **text)
    torch.manual_seed(seed + 1)
    unet: Any = UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(32, 64, 128, 128) if full else (16, 32),
        down_block_types=("CrossAttnDownBlock2D",) * (3 if full else 1) + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * (3 if full else 1),
        layers_per_block=2 if full else 1,
        norm_num_groups=8,
        cross_attention_dim=text_encoder.config.hidden_size,
        attention_head_dim=((1, 2, 4, 4) if full else (2, 4)) if version == 2 else 8,
        use_linear_projection=version == 2,
    )
    unet.eval()
    pipe: Any = StableDiffusionPipeline(
        vae=tiny_vae(scaling_factor=0.18215),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scaled_linear(scheduler, prediction_type),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe
