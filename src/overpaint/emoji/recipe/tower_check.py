"""Is a text tower fit to learn a denoiser on? What it knows, and where it keeps it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from transformers import CLIPTextModel, CLIPTokenizer

from overpaint.backbone.text import TextEncoder
from overpaint.emoji.captions import FREE_FORM_TEST
from overpaint.emoji.recipe import figures
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.trace.causal import causal_trace

__all__ = ["check"]

SEED = 202
PAIRS, BAR = 200, 0.8


def check(
    work: Path, text: CLIPTextModel, tokenizer: CLIPTokenizer, captions: int, found_by_caption: dict[str, float]
) -> None:
    """Measure and record where concepts live; a tower that cannot be edited must not reach the denoiser.

    Args:
        captions: how many it has learned from, for the record.
        found_by_caption: shares of captions that find their concept, see `retrieval`.

    Raises:
        RuntimeError: if at half depth the last subject token holds less than `BAR` of a concept.
    """
    vocabulary = Vocabulary.load()
    order = np.random.default_rng(SEED).permutation(len(vocabulary))
    names = [vocabulary.concepts[k].name for k in order[: 2 * PAIRS]]
    pairs = list(zip(names[:PAIRS], names[PAIRS:], strict=True))
    encoder = TextEncoder(text, tokenizer)
    found = causal_trace(encoder, pairs)
    behind = causal_trace(encoder, pairs, [t for t in FREE_FORM_TEST if t[-2:] != "{}"][:6])
    half = found.blocks // 2 - 1
    figures.record(
        work,
        "text",
        {
            "captions": captions,
            "top1_among_all_concepts": found_by_caption,
            "trace_end": [round(share, 3) for share in found.end],
            "trace_padding": [round(share, 3) for share in found.padding],
            "trace_end_with_unseen_words_behind": [round(share, 3) for share in behind.end],
        },
    )
    if min(found.end[half], found.padding[half]) < BAR:
        raise RuntimeError(
            f"the text tower does not keep concepts at their last token: at half depth the end token recovers "
            f"{found.end[half]:.2f} and padding {found.padding[half]:.2f}, both should reach {BAR}; train it longer"
        )
