"""Memories: what Stage I has learned about a concept, one record each, named by everything it depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from overpaint.methods.emcid.config import EmcidConfig

__all__ = ["VERSION", "Concept", "Memory", "MemoryStore", "TransientStore", "digest", "memory_key"]

VERSION = 1
"""Raised whenever the same settings would give other memories."""

TEXT_SETTINGS: tuple[str, ...] = ("v0",)
OPTIMISER_SETTINGS = tuple(
    "warm_start steps rate weight_decay clamp text_weight text_target conditioning".split()  # noqa: SIM905
)
NOISE_SETTINGS = tuple(
    "mu precision draws image_source images_per_prompt image_steps image_guidance round_trip".split()  # noqa: SIM905
)

Objective = Literal["destination", "esd", "images"]


@dataclass(frozen=True)
class Concept:
    """One value to learn.

    Attributes:
        source: the phrase whose last token is changed.
        destination: what it is to become, if a phrase says so.
        prompts: templates with one ``{}``.
        seed: of all its randomness.
        objective: what noise predictions should become: those of the ``destination``, negative guidance (``esd``), or
            the true noise on given ``images``.
        images: paths of these.
    """

    source: str
    destination: str | None
    prompts: tuple[str, ...]
    seed: int
    objective: Objective = "destination"
    images: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Memory:
    """A learned value.

    Attributes:
        v0: state (width,) of the source after the last edited block at its last token, float32.
        delta: (width,) what is added to it; ``value = v0 + delta``.
        loss: (3,) noise, text and regulariser loss at the last step; NaN where there was none.
    """

    v0: Tensor
    delta: Tensor
    loss: Tensor

    @property
    def value(self) -> Tensor:
        """z (width,), the state that Stage II is to produce."""
        return self.v0 + self.delta

    def tensors(self) -> dict[str, Tensor]:
        """For a store."""
        return {"v0": self.v0, "delta": self.delta, "loss": self.loss}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Memory:
        """Inverse of `tensors`; others are ignored."""
        return cls(tensors["v0"], tensors["delta"], tensors["loss"])


class MemoryStore(Protocol):
    """Where memories and second moments are kept, by content key. Methods never see files."""

    def get(self, key: str) -> dict[str, Tensor] | None:
        """What was put under the key, or None."""
        ...

    def put(self, key: str, tensors: dict[str, Tensor], meta: dict[str, str]) -> None:
        """Keep tensors, wholly or not at all; ``meta`` is for people."""
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


def digest(content: Any) -> str:
    """sha256 of JSON-like content, 64 hexadecimal digits."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def memory_key(concept: Concept, config: EmcidConfig, block: int, model: str, tokenizer: str) -> str:
    """Name of a concept's memory: a hash over all it depends on, so a stale one is never taken.

    ``model`` and ``tokenizer`` are fingerprints, ``block`` is the one after which values act.
    """
    settings = TEXT_SETTINGS
    if config.values != "copy":
        settings += OPTIMISER_SETTINGS
    if config.values == "noise":
        settings += NOISE_SETTINGS
    content = {
        "version": VERSION,
        "model": model,
        "tokenizer": tokenizer,
        "block": block,
        "values": config.values,
        "source": concept.source,
        "destination": concept.destination,
        "prompts": list(concept.prompts),
        "objective": concept.objective,
        "settings": {name: getattr(config, name) for name in settings},
    }
    if config.values == "noise":  # the others have no randomness and see no pictures
        content["seed"] = concept.seed
        content["images"] = [hashlib.sha256(path.read_bytes()).hexdigest() for path in concept.images]
    return digest(content)


def tokenizer_fingerprint(tokenizer: Any) -> str:
    """Hash of a tokenizer's pieces, merges and rules, without the padding it happens to be set to."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        rules = json.loads(backend.to_str())
        return digest({k: v for k, v in rules.items() if k not in ("padding", "truncation")})
    merges = [list(pair) for pair in getattr(tokenizer, "bpe_ranks", {})]
    return digest({"vocabulary": tokenizer.get_vocab(), "merges": merges})


def composition(keys: list[str]) -> Tensor:
    """Names of a batch's memories as eight bytes, kept with each: see `overpaint.methods.emcid.fit`."""
    return torch.tensor(list(hashlib.sha256("".join(sorted(keys)).encode()).digest()[:8]), dtype=torch.uint8)
