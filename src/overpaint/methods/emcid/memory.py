"""Memories: what Stage I has learned about a concept, one record each, named by everything it depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from overpaint.methods.emcid.config import EmcidConfig, Objective
from overpaint.methods.store import digest

__all__ = ["VERSION", "Concept", "Memory", "memory_key"]

VERSION = 2
"""Raised whenever the same settings would give other memories."""

TEXT_SETTINGS: tuple[str, ...] = ("v0", "conditioning")
OPTIMISER_SETTINGS = tuple(
    "warm_start student precision weight_decay clamp".split()  # noqa: SIM905
)
LOSS_SETTINGS: tuple[str, ...] = ("steps", "rate", "text_weight", "text_target")
STATES_SETTINGS: tuple[str, ...] = ("metric", "tail", "states_steps", "states_rate")
STOPPING_SETTINGS: tuple[str, ...] = ("patience", "flat")
NOISE_SETTINGS = tuple(
    "mu draws timesteps image_source images_per_prompt image_steps image_guidance round_trip".split()  # noqa: SIM905
)


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
        contexts: sentences with one ``{}`` that states are compared in, beside the prompts.
        early: by text encoder, how many tokens before the phrase's last one the value stands; see
            `overpaint.methods.emcid.held`.
    """

    source: str
    destination: str | None
    prompts: tuple[str, ...]
    seed: int
    objective: Objective = "destination"
    images: tuple[Path, ...] = ()
    contexts: tuple[str, ...] = ()
    early: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Memory:
    """A learned value.

    Attributes:
        v0: state (width,) of the source after the last edited block at its last token, float32; of several edited
            text encoders, side by side.
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

    @property
    def finite(self) -> bool:
        """Whether the value can be used; an optimisation may diverge."""
        return bool(self.value.isfinite().all()) and not bool(self.loss.isinf().any())

    def tensors(self) -> dict[str, Tensor]:
        """For a store."""
        return {"v0": self.v0, "delta": self.delta, "loss": self.loss}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Memory:
        """Inverse of `tensors`; others are ignored."""
        return cls(tensors["v0"], tensors["delta"], tensors["loss"])


def memory_key(
    concept: Concept, config: EmcidConfig, after: Mapping[str, int], model: str, tokenizer: str, schedule: str
) -> str:
    """Name of a concept's memory: a hash over all it depends on, so a stale one is never taken.

    ``model``, ``tokenizer`` and ``schedule`` are fingerprints, ``after`` are the blocks after which values act, by text
    encoder.
    """
    config = config.settled(concept.objective)
    settings = TEXT_SETTINGS
    if config.values != "copy":
        settings += OPTIMISER_SETTINGS
        if config.patience is not None:
            settings += STOPPING_SETTINGS
        if config.values != "states":
            settings += LOSS_SETTINGS
    if config.matches_states:
        settings += STATES_SETTINGS
    if config.values == "noise":
        settings += NOISE_SETTINGS
    content = {
        "version": VERSION,
        "model": model,
        "tokenizer": tokenizer,
        "after": dict(after),
        "values": config.values,
        "source": concept.source,
        "destination": concept.destination,
        "prompts": list(concept.prompts),
        "objective": concept.objective,
        "settings": {name: getattr(config, name) for name in settings},
    }
    if config.matches_states:
        content["contexts"] = list(concept.contexts)
    if concept.early:
        content["early"] = dict(concept.early)
    if config.values == "noise":  # the others have no randomness and see no pictures
        content["seed"] = concept.seed
        content["schedule"] = schedule
        content["images"] = [hashlib.sha256(path.read_bytes()).hexdigest() for path in concept.images]
    return digest(content)
