"""Nonsense around a caption, so that the text tower reads a name among words that it has never met.

A word of unknown pieces behind the subject is a hole in the tower's habits: left alone, it reads the subject's raw
pieces in the lowest blocks and hands them to the end token past every edit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from transformers import CLIPTokenizer

from overpaint.emoji.captions import Caption

__all__ = ["StrayWords"]

P_BEFORE, P_BEHIND = 0.15, 0.4
MOST_BEFORE, MOST_BEHIND = 2, 4


class StrayWords:
    """Words made of random pieces of ``tokenizer``: most mean nothing, each looks like one that might."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        words = [piece for piece in tokenizer.get_vocab() if piece.removesuffix("</w>").isascii()]
        self.inner = sorted(piece for piece in words if piece.isalpha())
        self.last = sorted(piece[:-4] for piece in words if piece.endswith("</w>") and piece[:-4].isalpha())

    def word(self, rng: np.random.Generator) -> str:
        """One to three pieces."""
        inner = [self.inner[int(k)] for k in rng.integers(len(self.inner), size=rng.integers(3))]
        return "".join(inner) + self.last[int(rng.integers(len(self.last)))]

    def around(self, rng: np.random.Generator, caption: Caption) -> Caption:
        """The caption, in a part of the cases with nonsense before or behind it."""
        text = caption.text
        if rng.random() < P_BEFORE:
            text = f"{self._words(rng, MOST_BEFORE)} {text}"
        if rng.random() < P_BEHIND:
            text = f"{text} {self._words(rng, MOST_BEHIND)}"
        return replace(caption, text=text)

    def _words(self, rng: np.random.Generator, most: int) -> str:
        return " ".join(self.word(rng) for _ in range(rng.integers(1, most + 1)))
