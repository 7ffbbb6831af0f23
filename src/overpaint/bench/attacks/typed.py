"""Words in front of a prompt that are one token each and come out the same when the prompt is typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from overpaint.backbone.text import TextEncoder

__all__ = ["Typed", "Words"]

CHUNK = 2048


@dataclass(frozen=True)
class Words:
    """The words that a tokenizer reads as one token each.

    Attributes:
        texts: how they are typed.
        first: their tokens (m,) at the very beginning of a prompt.
        later: their tokens (m,) behind another word, which byte-level tokenizers tell apart.
    """

    texts: tuple[str, ...]
    first: Tensor
    later: Tensor

    @classmethod
    def of(cls, text: TextEncoder) -> Words:
        """All words of a text encoder's vocabulary."""
        special = set(text.tokenizer.all_special_ids)
        ids = [[token] for token in range(len(text.tokenizer)) if token not in special]
        decoded = [piece.strip() for piece in text.tokenizer.batch_decode(ids)]
        texts = list(dict.fromkeys(piece for piece in decoded if piece.isascii() and piece.isalnum()))
        first, alone = _at(text, texts, "", 0)
        texts, first = [one for one, fits in zip(texts, alone.tolist(), strict=True) if fits], first[alone]
        later, behind = _at(text, texts, f"{texts[0]} " if texts else "", 1)
        texts = [one for one, fits in zip(texts, behind.tolist(), strict=True) if fits]
        return cls(tuple(texts), first[behind], later[behind])

    def __len__(self) -> int:
        """How many."""
        return len(self.texts)

    def ids(self, place: int) -> Tensor:
        """Their tokens (m,) in a place."""
        return self.later if place else self.first


@dataclass(frozen=True)
class Typed:
    """A prompt with some words in front of it.

    Attributes:
        base: the prompt without them.
        chosen: the words, by their number in ``words``.
    """

    text: TextEncoder
    words: Words
    base: str
    chosen: tuple[int, ...]

    @classmethod
    def before(cls, text: TextEncoder, base: str, count: int, seed: int) -> Typed | None:
        """Random words before a prompt, at most ``count``; None where there is no room, or none can be typed there."""
        words = Words.of(text)
        used = int(text.end_positions(text.tokenize([base]))[0])
        count = min(count, text.window - 1 - used)
        source = np.random.default_rng(seed)
        for _ in range(CHUNK if count > 0 and len(words) else 0):
            chosen = tuple(int(number) for number in source.integers(len(words), size=count))
            if found := cls(text, words, base, chosen).typed([chosen]):
                return found[0]
        return None

    @property
    def prompt(self) -> str:
        """As it is typed."""
        return self._said(self.chosen)

    def exchanged(self, place: int, word: int) -> tuple[int, ...]:
        """The words with another one in one place."""
        return (*self.chosen[:place], word, *self.chosen[place + 1 :])

    def typed(self, several: Sequence[tuple[int, ...]]) -> list[Typed]:
        """Those of several choices that the tokenizer reads as they were chosen, with the base behind them intact."""
        several = [chosen for chosen in dict.fromkeys(several) if chosen]
        if not several:
            return []
        rows = self.text.tokenize([self._said(chosen) for chosen in several]).cpu()
        wanted = torch.stack([self._ids(chosen) for chosen in several])
        begin, end = self.text.begin, self.text.begin + wanted.shape[1]
        intact = self.text.tokenize([self._said([0] * wanted.shape[1])])[0, end:].cpu()
        fits = (rows[:, begin:end] == wanted).all(dim=1) & (rows[:, end:] == intact).all(dim=1)
        return [replace(self, chosen=chosen) for chosen, fit in zip(several, fits.tolist(), strict=True) if fit]

    def _said(self, chosen: Sequence[int]) -> str:
        return " ".join([*(self.words.texts[number] for number in chosen), self.base])

    def _ids(self, chosen: Sequence[int]) -> Tensor:
        return torch.stack([self.words.ids(place)[number] for place, number in enumerate(chosen)])


def _at(text: TextEncoder, words: Sequence[str], lead: str, place: int) -> tuple[Tensor, Tensor]:
    """Tokens (m,) of words behind a lead of ``place`` tokens, and whether each is one token there."""
    at = text.begin + place
    rest = text.tokenize([lead.strip()])[0, at:-1].cpu()  # what ends the lead alone ends it and one more token
    found, single = [rest[:0]], [rest[:0] == 0]
    for start in range(0, len(words), CHUNK):
        rows = text.tokenize([lead + word for word in words[start : start + CHUNK]]).cpu()
        found.append(rows[:, at])
        single.append((rows[:, at + 1 :] == rest).all(dim=1))
    return torch.cat(found), torch.cat(single)
