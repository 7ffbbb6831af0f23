"""Qwen's tokenizer, chat template and language models."""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerFast

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
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


def tiny_qwen3(tokenizer: Any, *, layers: int, head: bool = False, seed: int = 0) -> Any:
    """A Qwen3 of width 32 with large weights; ``head``: with its output layer, as for writing text."""
    from transformers import Qwen3Config, Qwen3ForCausalLM, Qwen3Model

    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        pad_token_id=tokenizer.pad_token_id,
    )
    return _noisy((Qwen3ForCausalLM if head else Qwen3Model)(config))


def tiny_qwen25_vl(tokenizer: Any, *, layers: int = 3, seed: int = 0) -> Any:
    """A Qwen2.5-VL with a language model of width 32 and an eye of one block."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    torch.manual_seed(seed)
    text: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
        "rope_theta": 1_000_000.0,
        "pad_token_id": tokenizer.pad_token_id,
    }
    eye: dict[str, Any] = {
        "depth": 1,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_heads": 2,
        "out_hidden_size": 32,
    }
    return _noisy(Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=eye)))


def _noisy(model: Any) -> Any:
    """With weights so large that every part of the state matters."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()
