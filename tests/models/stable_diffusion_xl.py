"""Stable Diffusion XL."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel

from tests.models.autoencoder import tiny_vae
from tests.models.clip import tiny_text_model, tiny_tokenizer
from tests.models.noise import scaled_linear


def tiny_sdxl(
    prediction_type: str = "epsilon",
    *,
    scheduler: type = EulerDiscreteScheduler,
    window: int = 77,
    layers: tuple[int, int] = (3, 4),
    seed: int = 0,
    depths: tuple[int, ...] = (1, 2),
    zeros: bool = True,
) -> Any:
    """A pipeline of SDXL's base model: encoders of 32 and 48, the second with a projection and "!" padding.

    ``depths``: transformer blocks by level, none at the first. The published UNet has three levels, (1, 2, 10), which
    make 70 cross-attention layers. ``zeros``: no prompt at all is zeros, as the published model has it.
    """
    tokenizers = [tiny_tokenizer(window), tiny_tokenizer(window, pad="!")]
    encoders = [
        tiny_text_model(tokenizers[0], layers=layers[0], seed=seed),
        tiny_text_model(
            tokenizers[1],
            width=48,
            layers=layers[1],
            activation="gelu",
            legacy_eos=False,
            projection=True,
            seed=seed + 1,
        ),
    ]
    levels = len(depths)
    torch.manual_seed(seed + 2)
    unet: Any = UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(16, 32, 64)[:levels],
        down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * (levels - 1),
        up_block_types=("CrossAttnUpBlock2D",) * (levels - 1) + ("UpBlock2D",),
        transformer_layers_per_block=depths,
        layers_per_block=levels - 1,
        norm_num_groups=8,
        cross_attention_dim=80,
        attention_head_dim=(2, 4, 8)[:levels],
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=48 + 6 * 8,
    )
    unet.eval()
    pipe: Any = StableDiffusionXLPipeline(
        vae=tiny_vae(scaling_factor=0.13025),
        text_encoder=encoders[0],
        text_encoder_2=encoders[1],
        tokenizer=tokenizers[0],
        tokenizer_2=tokenizers[1],
        unet=unet,
        scheduler=scaled_linear(scheduler, prediction_type),
        force_zeros_for_empty_prompt=zeros,
        add_watermarker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe
