"""FLUX.2 [klein]."""

from __future__ import annotations

from typing import Any

import diffusers
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from tests.models.qwen import tiny_chat_tokenizer, tiny_qwen3

HAS_FLUX2_KLEIN = hasattr(diffusers, "Flux2KleinPipeline")


def tiny_flux2_klein(*, distilled: bool = False, window: int = 512, layers: int = 28, seed: int = 0) -> Any:
    """A pipeline of FLUX.2 [klein]: Qwen3 of 32 with as many blocks as are read and one, one block of each kind.

    Pictures are 32 x 32, latents 8 x 8.
    """
    from diffusers import AutoencoderKLFlux2, Flux2KleinPipeline, Flux2Transformer2DModel

    tokenizer = tiny_chat_tokenizer(window)
    text_encoder = tiny_qwen3(tokenizer, layers=layers, head=True, seed=seed)
    transformer: Any = Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=3 * 32,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )
    vae: Any = AutoencoderKLFlux2(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        layers_per_block=1,
        latent_channels=4,
        sample_size=32,
    )
    with torch.no_grad():
        vae.bn.running_mean.normal_()
        vae.bn.running_var.uniform_(0.5, 2.0)
    pipe: Any = Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=3.0),
        vae=vae.eval(),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        transformer=transformer.eval(),
        is_distilled=distilled,
    )
    pipe.default_sample_size = 16
    pipe.set_progress_bar_config(disable=True)
    return pipe
