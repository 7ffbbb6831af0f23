"""Qwen-Image."""

from __future__ import annotations

from typing import Any

import diffusers
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from tests.models.qwen import tiny_chat_tokenizer, tiny_qwen25_vl

HAS_QWEN_IMAGE = hasattr(diffusers, "QwenImagePipeline")


def tiny_qwen_image(*, layers: int = 3, seed: int = 0) -> Any:
    """A pipeline of Qwen-Image: Qwen2.5-VL of 32, a transformer of two blocks.

    Pictures are 16 x 16, latents 8 x 8. The tokens of the template's task are counted by the tiny tokenizer.
    """
    from diffusers import AutoencoderKLQwenImage, QwenImagePipeline, QwenImageTransformer2DModel

    tokenizer = tiny_chat_tokenizer(2048)
    text_encoder = tiny_qwen25_vl(tokenizer, layers=layers, seed=seed)
    transformer: Any = QwenImageTransformer2DModel(
        in_channels=16,
        out_channels=4,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        axes_dims_rope=(4, 6, 6),
    )
    with torch.no_grad():
        transformer.txt_norm.weight.uniform_(0.5, 2.0)
    vae: Any = AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 2],
        num_res_blocks=1,
        temperal_downsample=[False],
        latents_mean=[-0.7, 0.1, 0.9, -0.2],
        latents_std=[2.8, 1.4, 0.6, 1.9],
    )
    pipe: Any = QwenImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(
            use_dynamic_shifting=True, base_shift=0.5, max_shift=0.9, max_image_seq_len=8192, shift_terminal=0.02
        ),
        vae=vae.eval(),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        transformer=transformer.eval(),
    )
    pipe.default_sample_size = 8
    pipe.prompt_template_encode_start_idx = len(tokenizer(pipe.prompt_template_encode.split("{}")[0]).input_ids)
    pipe.set_progress_bar_config(disable=True)
    return pipe
