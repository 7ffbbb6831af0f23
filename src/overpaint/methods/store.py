"""Where methods keep what was dear to compute, by names that say all it depends on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.hashing import digest

__all__ = [
    "MemoryStore", "TransientStore", "digest", "fingerprints", "once", "scheduler_fingerprint", "tokenizer_fingerprint",
]  # fmt: skip


class MemoryStore(Protocol):
    """Where memories and second moments are kept, by content key. Methods never see files."""

    def get(self, key: str) -> dict[str, Tensor] | None:
        """What was put under the key, or None."""
        ...

    def put(self, key: str, tensors: dict[str, Tensor], meta: dict[str, str]) -> None:
        """Keep tensors, wholly or not at all; ``meta`` is for people."""
        ...

    def keep(self, key: str, tensors: dict[str, Tensor], meta: dict[str, str]) -> dict[str, Tensor]:
        """As `put` unless the key has tensors already, from another process perhaps; returns those that it has now."""
        ...


class TransientStore:
    """A store that lives as long as the program."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, Tensor]] = {}
        self.meta: dict[str, dict[str, str]] = {}

    def get(self, key: str) -> dict[str, Tensor] | None:
        """See `MemoryStore`."""
        return self.entries.get(key)

    def put(self, key: str, tensors: dict[str, Tensor], meta: dict[str, str]) -> None:
        """See `MemoryStore`."""
        self.entries[key], self.meta[key] = dict(tensors), dict(meta)

    def keep(self, key: str, tensors: dict[str, Tensor], meta: dict[str, str]) -> dict[str, Tensor]:
        """See `MemoryStore`."""
        if key not in self.entries:
            self.put(key, tensors, meta)
        return self.entries[key]


def once(
    store: MemoryStore, content: Mapping[str, Any], make: Callable[[], dict[str, Tensor]], meta: dict[str, str]
) -> dict[str, Tensor]:
    """Tensors that hang on ``content`` alone: from the store, or made and kept there."""
    key = digest(content)
    known = store.get(key)
    if known is None:
        known = make()
        store.put(key, known, meta)
    return known


def tokenizer_fingerprint(*tokenizers: Any) -> str:
    """Hash of tokenizers' pieces, merges and rules, without the padding they happen to be set to."""
    if len(tokenizers) != 1:
        return digest([tokenizer_fingerprint(one) for one in tokenizers])
    (tokenizer,) = tokenizers
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        rules = json.loads(backend.to_str())
        return digest({k: v for k, v in rules.items() if k not in ("padding", "truncation")})
    merges = [list(pair) for pair in getattr(tokenizer, "bpe_ranks", {})]
    return digest({"vocabulary": tokenizer.get_vocab(), "merges": merges})


def fingerprints(backbone: Backbone) -> dict[str, str]:
    """What a picture depends on beside its prompt, seed and settings: model, tokenizers and scheduler, for keys."""
    return {
        "model": backbone.fingerprint,
        "tokenizer": tokenizer_fingerprint(*(text.tokenizer for text in backbone.text_encoders)),
        "scheduler": scheduler_fingerprint(backbone),
    }


def scheduler_fingerprint(backbone: Backbone) -> str:
    """Hash of how a pipeline adds noise and takes it away: schedule, kind of prediction, sampler."""
    return digest({k: v for k, v in backbone.pipe.scheduler.config.items() if not k.startswith("_")})
