"""Random pipelines of true Stable Diffusion structure at reduced width, built in a second without any download."""

from __future__ import annotations

import inspect
import json
import tempfile
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    PNDMScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE, Unigram
from tokenizers.pre_tokenizers import ByteLevel, Metaspace
from tokenizers.processors import TemplateProcessing
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

BOS, EOS = "<|startoftext|>", "<|endoftext|>"
HAS_Z_IMAGE = hasattr(diffusers, "ZImagePipeline")
NEW_TRANSFORMERS = int(transformers.__version__.split(".")[0]) >= 5
MERGES = [
    ("h", "e"), ("he", "n</w>"), ("he", "n"), ("i", "n</w>"), ("o", "f</w>"), ("a", "n</w>"), ("c", "h"), ("t", "ch"),
    ("k", "i"), ("ki", "tch"), ("p", "h"), ("o", "t"), ("ph", "ot"), ("phot", "o</w>"), ("d", "o"), ("do", "g</w>"),
    ("c", "a"), ("ca", "t</w>"), ("p", "i"), ("z", "z"), ("pi", "zz"), ("pizz", "a</w>"), ("hen", "s</w>"),
]  # fmt: skip


def tiny_tokenizer(window: int = 77, pad: str = EOS, slow: bool = False) -> Any:
    """A byte-level BPE as CLIP's: every byte has a piece, "!" is id 0, begin and end have the largest ids.

    Stable Diffusion 1.x pads with the end token, 2.x with "!". ``slow``: the python form of transformers 4.
    """
    alphabet = sorted(ByteLevel.alphabet())
    pieces = [*alphabet, *(c + "</w>" for c in alphabet), *dict.fromkeys(a + b for a, b in MERGES), BOS, EOS]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    if NEW_TRANSFORMERS:
        build: Any = CLIPTokenizer
        return build(vocab=vocab, merges=MERGES, model_max_length=window, pad_token=pad)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "vocab.json").write_text(json.dumps(vocab))
        Path(folder, "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(m) for m in MERGES) + "\n")
        old: Any = transformers
        kind = old.CLIPTokenizer if slow else old.CLIPTokenizerFast
        return kind(f"{folder}/vocab.json", f"{folder}/merges.txt", model_max_length=window, pad_token=pad)


def tiny_text_model(
    tokenizer: Any,
    *,
    width: int = 32,
    layers: int = 3,
    heads: int = 4,
    activation: str = "quick_gelu",
    legacy_eos: bool = True,
    projection: bool = False,
    seed: int = 0,
) -> Any:
    """A CLIP text model with random weights, large enough that every part of the state matters.

    ``legacy_eos``: the configuration files of SD 1.4 and 2.1 give 2 for the end token, which it is not.
    """
    torch.manual_seed(seed)
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=tokenizer.model_max_length,
        hidden_act=activation,
        projection_dim=width,
        bos_token_id=0,
        eos_token_id=2 if legacy_eos else tokenizer.eos_token_id,
        pad_token_id=1,
        initializer_factor=3.0,
    )
    model = (CLIPTextModelWithProjection if projection else CLIPTextModel)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model


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
        scheduler=_ddpm(scheduler, prediction_type),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def tiny_sdxl(
    *,
    scheduler: type = EulerDiscreteScheduler,
    window: int = 77,
    layers: tuple[int, int] = (3, 4),
    seed: int = 0,
    full: bool = False,
    zeros: bool = True,
) -> Any:
    """A pipeline of SDXL's base model: encoders of 32 and 48, the second with a projection and "!" padding.

    ``full``: the UNet with the published levels and 70 cross-attention layers, narrow. ``zeros``: no prompt at all is
    zeros, as the published model has it.
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
    torch.manual_seed(seed + 2)
    unet: Any = UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(16, 32, 64) if full else (16, 32),
        down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * (2 if full else 1),
        up_block_types=("CrossAttnUpBlock2D",) * (2 if full else 1) + ("UpBlock2D",),
        transformer_layers_per_block=(1, 2, 10) if full else (1, 2),
        layers_per_block=2 if full else 1,
        norm_num_groups=8,
        cross_attention_dim=80,
        attention_head_dim=(2, 4, 8) if full else (2, 4),
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
        scheduler=_ddpm(scheduler, "epsilon"),
        force_zeros_for_empty_prompt=zeros,
        add_watermarker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def tiny_t5_tokenizer(window: int = 512) -> Any:
    """A unigram tokenizer as T5's: "</s>" at the end, nothing before, padding 0; every letter has a piece."""
    words = ["▁a", "▁photo", "▁of", "▁dog", "▁cat", "▁hen", "▁kitchen", "▁in", "▁pizza", "s", "▁"]
    letters = [chr(code) for code in range(33, 127)]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((word, -1.0) for word in words)]
    pieces += [(letter, -9.0) for letter in letters if letter not in words]
    made = Tokenizer(Unigram(pieces, unk_id=2, byte_fallback=False))
    made.pre_tokenizer = Metaspace()
    made.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=window
    )


def tiny_t5(tokenizer: Any, *, width: int = 40, layers: int = 3, seed: int = 0) -> Any:
    """A T5 encoder of version 1.1 (gated GELU) with random weights of some size."""
    torch.manual_seed(seed)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=width,
        d_kv=8,
        d_ff=2 * width,
        num_heads=4,
        num_layers=layers,
        feed_forward_proj="gated-gelu",
        relative_attention_num_buckets=8,
        relative_attention_max_distance=16,
        tie_word_embeddings=False,
    )
    model = T5EncoderModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


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
        vae=tiny_vae(scaling_factor=0.3611, shift_factor=0.1159),
        text_encoder=encoders[0],
        tokenizer=tokenizers[0],
        text_encoder_2=encoders[1],
        tokenizer_2=tokenizers[1],
        transformer=transformer,
    )
    pipe.default_sample_size = 8
    pipe.set_progress_bar_config(disable=True)
    return pipe


def tiny_sd3(*, window: int = 77, seed: int = 0) -> Any:
    """A pipeline of Stable Diffusion 3.5: CLIPs of 16 and 24, both with projections, T5 of 48, two joint blocks."""
    clip = {"legacy_eos": False, "projection": True}
    tokenizers = [tiny_tokenizer(window), tiny_tokenizer(window, pad="!"), tiny_t5_tokenizer()]
    encoders = [
        tiny_text_model(tokenizers[0], width=16, seed=seed, **clip),
        tiny_text_model(tokenizers[1], width=24, activation="gelu", seed=seed + 1, **clip),
        tiny_t5(tokenizers[2], width=48, seed=seed + 2),
    ]
    torch.manual_seed(seed + 3)
    transformer: Any = SD3Transformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=2,
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
        vae=tiny_vae(scaling_factor=1.5305, shift_factor=0.0609),
        text_encoder=encoders[0],
        tokenizer=tokenizers[0],
        text_encoder_2=encoders[1],
        tokenizer_2=tokenizers[1],
        text_encoder_3=encoders[2],
        tokenizer_3=tokenizers[2],
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Qwen's chat template without its special cases."""


def tiny_chat_tokenizer(window: int = 512) -> Any:
    """A byte-level BPE with Qwen's special tokens, turns and padding."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    merges = [("Ġ", "d"), ("Ġd", "o"), ("Ġdo", "g"), ("h", "e"), ("he", "n"), ("u", "s"), ("us", "e"), ("use", "r")]
    pieces = [*special, *sorted(ByteLevel.alphabet()), *("".join(pair) for pair in merges)]
    made = Tokenizer(BPE({piece: i for i, piece in enumerate(pieces)}, merges))
    made.pre_tokenizer = ByteLevel(add_prefix_space=False)
    made.decoder = ByteLevelDecoder()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token=special[0], eos_token=special[2], model_max_length=window
    )
    tokenizer.add_special_tokens({"additional_special_tokens": special[1:2]})
    tokenizer.chat_template = CHAT
    return tokenizer


def tiny_z_image(*, layers: int = 3, seed: int = 0) -> Any:
    """A pipeline of Z-Image: Qwen3 of 32, a single-stream transformer of two layers and one refiner of each kind."""
    from diffusers import ZImagePipeline, ZImageTransformer2DModel
    from transformers import Qwen3Config, Qwen3Model

    tokenizer = tiny_chat_tokenizer()
    torch.manual_seed(seed)
    text_encoder = Qwen3Model(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=8,
            pad_token_id=tokenizer.pad_token_id,
        )
    ).eval()
    with torch.no_grad():
        for parameter in text_encoder.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
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
        vae=tiny_vae(scaling_factor=0.3611, shift_factor=0.1159),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        transformer=transformer.eval(),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def tiny_vae(**options: Any) -> Any:
    """A KL autoencoder that makes 16 x 16 pictures of 8 x 8 latents."""
    settings = {"latent_channels": 4, "sample_size": 16, **options}
    vae: Any = AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        **settings,
    )
    return vae.eval()


def _ddpm(scheduler: type, prediction_type: str) -> Any:
    """The noise schedule of all Stable Diffusion models before 3, with the settings that their files give."""
    known = inspect.signature(scheduler).parameters
    return scheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        num_train_timesteps=1000,
        prediction_type=prediction_type,
        **({"clip_sample": False, "set_alpha_to_one": False} if scheduler is DDIMScheduler else {}),
        **({"skip_prk_steps": True} if scheduler is PNDMScheduler else {}),
        **({"steps_offset": 1} if "steps_offset" in known else {}),
    )
