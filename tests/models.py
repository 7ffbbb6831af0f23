"""Random pipelines of true Stable Diffusion structure at reduced width, built in a second without any download."""

from __future__ import annotations

import inspect
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers
from diffusers import AutoencoderKL, DDIMScheduler, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

BOS, EOS = "<|startoftext|>", "<|endoftext|>"
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
    vae: Any = AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=16,
        scaling_factor=0.18215,
    )
    unet.eval()
    vae.eval()
    noise = scheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        num_train_timesteps=1000,
        prediction_type=prediction_type,
        **({"clip_sample": False, "set_alpha_to_one": False} if scheduler is DDIMScheduler else {}),
        **({"skip_prk_steps": True} if scheduler is PNDMScheduler else {}),
        **({"steps_offset": 1} if "steps_offset" in inspect.signature(scheduler).parameters else {}),
    )
    pipe: Any = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=noise,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe
