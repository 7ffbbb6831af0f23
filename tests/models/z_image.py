"""Z-Image."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers import FlowMatchEulerDiscreteScheduler

from tests.models.autoencoder import tiny_vae
from tests.models.qwen import tiny_chat_tokenizer, tiny_qwen3

HAS_Z_IMAGE = hasattr(diffusers, "ZImagePipeline")


def tiny_z_image(*, layers: int = 3, seed: int = 0) -> Any:
    """A pipeline of Z-Image: Qwen3 of 32, a single-stream transformer of two layers and one refiner of each kind."""
    from diffusers import ZImagePipeline, ZImageTransformer2DModel

    tokenizer = tiny_chat_tokenizer()
    text_encoder = tiny_qwen3(tokenizer, layers=layers, seed=seed)
    transformer: Any = ZImageTransformer2DModel(
        in_channels=4,
        dim=32,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=32,
        axes_dims=[4, 6, 6],
        axes_lens=[600, 32, 32],
    )
    pipe: Any = ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=tiny_vae(scaling_factor=0.3611, shift_factor=0.1159, quantised=False),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        transformer=transformer.eval(),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe
