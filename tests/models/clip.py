"""CLIP's tokenizer and text encoders."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers
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
