"""FLUX.1."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel

from tests.models.autoencoder import tiny_vae
from tests.models.clip import tiny_text_model, tiny_tokenizer
from tests.models.t5 import tiny_t5, tiny_t5_tokenizer


def tiny_flux(*, guidance: bool = True, window: int = 512, layers: tuple[int, int] = (2, 3), seed: int = 0) -> Any:
    """A pipeline of FLUX.1 [dev], or without ``guidance`` [schnell]: CLIP of 32, T5 of 40, two blocks of each kind.

    Pictures are 16 x 16: the pipeline's default size is not the transformer's.
    """
    tokenizers = [tiny_tokenizer(), tiny_t5_tokenizer(window)]
    encoders = [
        tiny_text_model(tokenizers[0], layers=layers[0], seed=seed),
        tiny_t5(tokenizers[1], layers=layers[1], seed=seed),
    ]
    torch.manual_seed(seed + 1)
    transformer: Any = FluxTransformer2DModel(
        in_channels=16,
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=40,
        pooled_projection_dim=32,
        guidance_embeds=guidance,
        axes_dims_rope=(2, 2, 4),
    )
    transformer.eval()
    pipe: Any = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=guidance, shift=3.0 if guidance else 1.0),
        vae=tiny_vae(scaling_factor=0.3611, shift_factor=0.1159, quantised=False),
        text_encoder=encoders[0],
        tokenizer=tokenizers[0],
        text_encoder_2=encoders[1],
        tokenizer_2=tokenizers[1],
        transformer=transformer,
    )
    pipe.default_sample_size = 8
    pipe.set_progress_bar_config(disable=True)
    return pipe
