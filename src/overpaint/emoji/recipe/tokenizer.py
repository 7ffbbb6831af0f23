"""Stage 2: a CLIP tokenizer with 924 learned merges besides the bytes, learned from the captions.

So few merges that nearly all concept names are several pieces long, as ImageNet names are for CLIP: what a name means
has to be gathered at its last token, which is where text-side editing works.
"""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from overpaint.emoji.captions import corpus
from overpaint.emoji.vocabulary import Vocabulary

__all__ = ["PIECES", "WINDOW", "load", "train"]

PIECES = 2 + 2 * 256 + 924
WINDOW = 24
BEGIN, END = "<|startoftext|>", "<|endoftext|>"
# CLIP's own pre-tokenizer: contractions, words, single digits, runs of other signs.
SPLIT = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def train(work: Path) -> CLIPTokenizer:
    """Learn the pieces and save the tokenizer to ``<work>/tokenizer``."""
    learner = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix="</w>"))
    learner.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        # Every byte is a piece, alone and at the end of a word, so that any text can be written.
        vocab_size=PIECES,
        special_tokens=[BEGIN, END, *sorted(letters), *(f"{letter}</w>" for letter in sorted(letters))],
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    vocabulary = Vocabulary.load()
    learner.train_from_iterator(corpus(vocabulary, 60_000, seed=0), trainer)
    learned = json.loads(learner.to_str())["model"]
    tokenizer = CLIPTokenizer(
        vocab=learned["vocab"],
        merges=[tuple(merge) for merge in learned["merges"]],
        model_max_length=WINDOW,
        unk_token=END,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=END,
    )
    tokenizer.save_pretrained(work / "tokenizer")
    return tokenizer


def load(work: Path) -> CLIPTokenizer:
    """The tokenizer of ``work``."""
    return CLIPTokenizer.from_pretrained(work / "tokenizer")
