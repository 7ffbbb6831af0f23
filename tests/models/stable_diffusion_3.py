"""Stable Diffusion 3 and 3.5."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline

from tests.models.autoencoder import tiny_vae
from tests.models.clip import tiny_text_model, tiny_tokenizer
from tests.models.t5 import tiny_t5, tiny_t5_tokenizer


def tiny_sd3(*, window: int = 77, blocks: int = 2, seed: int = 0) -> Any:
    """A pipeline of Stable Diffusion 3.5: CLIPs of 16 and 24, both with projections, T5 of 48.

    The first of the joint blocks has a second attention, the last leaves the text's rows alone.
    """
    clip: dict[str, Any] = {"legacy_eos": False, "projection": True}
    tokenizers = [tiny_tokenizer(window), tiny_tokenizer(window, pad="!"), tiny_t5_tokenizer()]
    encoders = [
        tiny_text_model(tokenizers[0], width=16, seed=seed, **clip),
        tiny_text_model(tokenizers[1], width=24, activation="gelu", seed=seed + 1, **clip),
        tiny_t5(tokenizers[2], width=48, seed=seed + 2),
    ]
    with torch.no_grad():  # as published: the projection of CLIP-L is none
        encoders[0].text_projection.weight.copy_(torch.eye(16))
    torch.manual_seed(seed + 3)
    transformer: Any = SD3Transformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=blocks,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=48,
        caption_projection_dim=16,
        pooled_projection_dim=40,
        pos_embed_max_size=8,
        dual_attention_layers=(0,),
        qk_norm="rms_norm",
    )
    transformer.eval()
    pipe: Any = StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=tiny_vae(scaling_factor=1.5305, shift_factor=0.0609, quantised=False),
        text_encoder=encoders[0],
        tokenizer=tokenizers[0],
        text_encoder_2=encoders[1],
        tokenizer_2=tokenizers[1],
        text_encoder_3=encoders[2],
        tokenizer_3=tokenizers[2],
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe
