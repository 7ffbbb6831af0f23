"""Vectors of captions' phrases: they hang on the model and the captions alone, so plans share them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.methods.store import MemoryStore, digest, once, tokenizer_fingerprint
from overpaint.methods.words.near import vectors_of

__all__ = ["read_by"]

VERSION = 1
"""Raised whenever the same phrases would give other vectors."""


def read_by(backbone: Backbone, phrases: Sequence[str], template: str, store: MemoryStore) -> Tensor:
    """Vectors (n, d) of phrases in a template; from the store, or read and kept there."""
    text = backbone.text
    content = {
        "version": VERSION,
        "what": "phrases of captions",
        "model": backbone.fingerprint,
        "encoder": text.name,
        "tokenizer": tokenizer_fingerprint(text.tokenizer),
        "phrases": digest(list(phrases)),
        "template": template,
    }
    meta = {"what": "phrases of captions, for other words", "phrases": str(len(phrases))}
    known = once(store, content, lambda: {"vectors": vectors_of(text, phrases, template).cpu()}, meta)
    return known["vectors"].to(text.device)
