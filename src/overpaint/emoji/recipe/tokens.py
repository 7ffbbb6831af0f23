"""Captions as token ids, with the positions of the phrases that they were made of."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import CLIPTokenizer

from overpaint.emoji.captions import Caption
from overpaint.emoji.recipe import tokenizer as pieces

__all__ = ["Tokens", "tokenize"]


@dataclass(frozen=True)
class Tokens:
    """Ids ``(n, length)`` of captions, the spans of their phrases as token positions, and where their ends are."""

    ids: Tensor
    subjects: list[tuple[int, int]]
    styles: list[tuple[int, int]]
    ends: Tensor


def tokenize(tokenizer: CLIPTokenizer, captions: list[Caption], spare: int = 2) -> Tokens:
    """Tokenise, cut to the longest caption plus ``spare`` padding tokens, and map phrases to tokens by offsets."""
    texts = [c.text for c in captions]
    encoded = tokenizer(texts, truncation=True, max_length=pieces.WINDOW, return_offsets_mapping=True)
    length = min(pieces.WINDOW, max(len(row) for row in encoded["input_ids"]) + spare)
    ids = torch.full((len(captions), length), tokenizer.pad_token_id)
    subjects: list[tuple[int, int]] = []
    styles: list[tuple[int, int]] = []
    for row, (caption, tokens, offsets) in enumerate(
        zip(captions, encoded["input_ids"], encoded["offset_mapping"], strict=True)
    ):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        for spans, phrase in ((subjects, caption.subject), (styles, caption.style)):
            spans.append(_tokens_of(offsets, caption.span(phrase)))
    ends = torch.tensor([len(row) - 1 for row in encoded["input_ids"]])
    return Tokens(ids, subjects, styles, ends)


def _tokens_of(offsets: list[tuple[int, int]], span: tuple[int, int] | None) -> tuple[int, int]:
    """First and last + 1 token that overlap the characters of ``span``; an empty range where there are none."""
    if span is None:
        return (0, 0)
    inside = [k for k, (begin, end) in enumerate(offsets) if begin < span[1] and end > span[0] and end > begin]
    return (inside[0], inside[-1] + 1) if inside else (0, 0)
