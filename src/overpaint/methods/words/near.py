"""Which phrases are near a concept in a text encoder: the few that are worth a look at what is drawn."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from itertools import islice

import torch
from torch import Tensor
from torch.nn import functional as F

from overpaint.backbone.text import TextEncoder
from overpaint.methods.words.phrases import mentions

__all__ = ["Embedded", "nearest", "vectors_of"]

BATCH = 256
FACTOR = 4
"""So many times as many phrases are looked through, as most hold shorter ones."""


class Embedded:
    """Phrases with their vectors (n, d), of length 1 and about the mean of all."""

    def __init__(self, phrases: Sequence[str], vectors: Tensor) -> None:
        """``vectors`` (n, d) as `vectors_of` gives them."""
        self.phrases = tuple(phrases)
        self.vectors: Tensor = F.normalize(vectors - vectors.mean(dim=0), dim=1)


def vectors_of(text: TextEncoder, phrases: Sequence[str], template: str) -> Tensor:
    """Vectors (n, d), float32, of phrases in a template with one ``{}``; what does not fit the window is cut."""
    prompts = [template.replace("{}", phrase) for phrase in phrases]
    return torch.cat([_vectors(text, prompts[i : i + BATCH]) for i in range(0, len(prompts), BATCH)]).float()


def nearest(
    embedded: Embedded, sources: Sequence[str], count: int, left: Container[str] = ()
) -> Mapping[str, tuple[str, ...]]:
    """For each source, which is among the phrases, so many others, the nearest first.

    What is in ``left`` is left out, and so is a phrase that holds the source's name, as the edit reaches it anyway, and
    a longer one than another that was taken ("old stein" behind "stein").
    """
    row = {phrase: number for number, phrase in enumerate(embedded.phrases)}
    found: dict[str, tuple[str, ...]] = {}
    for source in sources:
        order = torch.argsort(embedded.vectors @ embedded.vectors[row[source]], descending=True, stable=True)
        taken: list[str] = []
        near = (embedded.phrases[number] for number in order.tolist())
        fitting = (phrase for phrase in near if phrase not in left and not mentions(phrase, source))
        for phrase in islice(fitting, FACTOR * count):
            if not any(mentions(phrase, other) for other in taken):
                taken = [*(other for other in taken if not mentions(other, phrase)), phrase]
        found[source] = tuple(taken[:count])
    return found


@torch.no_grad()
def _vectors(text: TextEncoder, prompts: Sequence[str]) -> Tensor:
    """`TextEncoder.embeddings` up to rounding: where attention is causal, the padding behind all ends is not read."""
    ids = text.tokenize(prompts)
    if text.causal:
        ids = ids[:, : int(text.end_positions(ids).max()) + 1]
    return text.embedding(text.encoded(ids, text.embed(ids)).final, ids)
