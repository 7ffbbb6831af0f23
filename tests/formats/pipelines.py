"""Random pipelines of every family with an original layout, narrow, with all kinds of parts that the true ones have."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import T5Config, T5EncoderModel, T5TokenizerFast

from tests.models import tiny_sd, tiny_text_model, tiny_tokenizer

__all__ = ["PIPELINES", "flux", "sd3", "sdxl"]


def sdxl(prediction_type: str = "epsilon") -> Any:
    """Eleven layers in the second encoder: by the tenth diffusers knows the family; and by the width which is which."""
    tokenizer, padded = tiny_tokenizer(), tiny_tokenizer(pad="!")
    torch.manual_seed(1)
    unet: Any = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32, 64),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 3),
        layers_per_block=2,
        norm_num_groups=8,
        cross_attention_dim=80,
        attention_head_dim=(2, 4, 8),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=48 + 6 * 8,
    )
    return _quiet(
        StableDiffusionXLPipeline(
            vae=_vae(4, quantised=True),
            text_encoder=tiny_text_model(tokenizer, layers=2),
            text_encoder_2=tiny_text_model(
                padded, width=48, layers=11, activation="gelu", legacy_eos=False, projection=True, seed=2
            ),
            tokenizer=tokenizer,
            tokenizer_2=padded,
            unet=unet.eval(),
            scheduler=EulerDiscreteScheduler(beta_schedule="scaled_linear", prediction_type=prediction_type),
            add_watermarker=False,
        )
    )


def sd3() -> Any:
    """3.5 medium in small: normalised queries and keys, a second attention in the first blocks."""
    clip, padded, t5 = tiny_tokenizer(), tiny_tokenizer(pad="!"), _t5_tokenizer()
    torch.manual_seed(1)
    transformer: Any = SD3Transformer2DModel(
        sample_size=8,
        in_channels=4,
        num_layers=3,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=96,
        caption_projection_dim=32,
        pooled_projection_dim=80,
        out_channels=4,
        pos_embed_max_size=12,
        dual_attention_layers=(0, 1),
        qk_norm="rms_norm",
    )
    first = tiny_text_model(clip, layers=2, projection=True)
    with torch.no_grad():  # as published: the projection of CLIP-L is none
        first.text_projection.weight.copy_(torch.eye(32))
    return _quiet(
        StableDiffusion3Pipeline(
            transformer=transformer.eval(),
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
            vae=_vae(4),
            text_encoder=first,
            tokenizer=clip,
            text_encoder_2=tiny_text_model(
                padded, width=48, layers=3, activation="gelu", legacy_eos=False, projection=True
            ),
            tokenizer_2=padded,
            text_encoder_3=_t5(96, t5),
            tokenizer_3=t5,
        )
    )


def flux() -> Any:
    clip, t5 = tiny_tokenizer(), _t5_tokenizer()
    torch.manual_seed(1)
    transformer: Any = FluxTransformer2DModel(
        in_channels=16,
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=64,
        pooled_projection_dim=32,
        guidance_embeds=True,
        axes_dims_rope=(2, 2, 4),
    )
    return _quiet(
        FluxPipeline(
            transformer=transformer.eval(),
            scheduler=FlowMatchEulerDiscreteScheduler(),
            vae=_vae(4),
            text_encoder=tiny_text_model(clip, layers=2),
            tokenizer=clip,
            text_encoder_2=_t5(64, t5),
            tokenizer_2=t5,
        )
    )


PIPELINES = {
    "sd1": lambda: tiny_sd(full=True, layers=2),
    "sd2": lambda: tiny_sd("v_prediction", version=2, full=True, layers=2),
    "sdxl": sdxl,
    "sd3": sd3,
    "flux": flux,
}
"""By family, how one is made."""


def _vae(channels: int, quantised: bool = False) -> Any:
    torch.manual_seed(3)
    vae: Any = AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        latent_channels=channels,
        sample_size=16,
        use_quant_conv=quantised,
        use_post_quant_conv=quantised,
        shift_factor=None if quantised else 0.1,
    )
    return vae.eval()


def _t5(width: int, tokenizer: Any) -> Any:
    torch.manual_seed(4)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=width,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
    )
    return T5EncoderModel(config).eval()


def _t5_tokenizer() -> Any:
    pieces = [
        ("<pad>", 0.0),
        ("</s>", 0.0),
        ("<unk>", 0.0),
        ("▁", -1.0),
        *((c, -2.0) for c in "abcdefghijklmnopqrstuvwxyz"),
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return T5TokenizerFast(tokenizer_object=tokenizer, extra_ids=0, model_max_length=16)


def _quiet(pipe: Any) -> Any:
    pipe.set_progress_bar_config(disable=True)
    return pipe
