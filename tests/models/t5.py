"""T5's tokenizer and encoder."""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing
from transformers import T5Config, T5EncoderModel, T5TokenizerFast


def tiny_t5_tokenizer(window: int = 512) -> Any:
    """A unigram tokenizer as T5's: "</s>" at the end, nothing before, padding 0; every letter has a piece."""
    words = ["▁a", "▁photo", "▁of", "▁dog", "▁cat", "▁hen", "▁kitchen", "▁in", "▁pizza", "s", "▁"]
    letters = [chr(code) for code in range(33, 127)]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((word, -1.0) for word in words)]
    pieces += [(letter, -9.0) for letter in letters if letter not in words]
    made = Tokenizer(Unigram(pieces, unk_id=2, byte_fallback=False))
    made.pre_tokenizer = Metaspace()
    made.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return T5TokenizerFast(tokenizer_object=made, extra_ids=0, model_max_length=window)


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
