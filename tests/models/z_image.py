"""Z-Image."""

from __future__ import annotations

from typing import Any

import diffusers
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerFast

from tests.models.autoencoder import tiny_vae

HAS_Z_IMAGE = hasattr(diffusers, "ZImagePipeline")
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
        vae=tiny_vae(scaling_factor=0.3611, shift_factor=0.1159, quantised=False),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        transformer=transformer.eval(),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe
