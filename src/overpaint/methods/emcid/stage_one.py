"""Stage I: one value for each concept, batched over concepts (EMCID, section 3.2, and ways that cost less)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.methods.emcid.bank import Bank
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.goals import NoiseGoal, StatesGoal, TextGoal
from overpaint.methods.emcid.joint import Joint
from overpaint.methods.emcid.latents import Noise, latents_of
from overpaint.methods.emcid.memory import Concept, Memory
from overpaint.methods.emcid.search import search
from overpaint.methods.emcid.states import States
from overpaint.methods.training.frozen import frozen
from overpaint.progress import Advance, Progress, Silent
from overpaint.seeding import derive

__all__ = ["HELD", "stage_one", "steps_of"]

HELD = 2
"""Draws of each concept for validation."""


def stage_one(
    backbone: Backbone,
    concepts: Sequence[Concept],
    config: EmcidConfig,
    after: Mapping[str, int],
    progress: Progress | None = None,
    advance: Advance | None = None,
) -> list[Memory]:
    """Learn the values of a batch; ``after`` says after which block each edited text encoder's value is to act.

    The batch is one of `overpaint.methods.emcid.tasks.batches`. ``advance(1)`` is called for every step, n at a time:
    `steps_of` of each in all.

    Raises ValueError where values are copied and there is no destination.
    """
    config = _for(concepts[0], config)
    with ExitStack() as stack:
        for module in (backbone.denoiser, *(text.model for text in backbone.text_encoders)):
            stack.enter_context(frozen(module))
        if config.values == "states":
            goal = _states(backbone, concepts, config, after)
            start = goal.joint.copied if config.warm_start else None
            return _learned(goal, start, config.of_states, advance)
        joint = Joint(backbone, concepts, after, config.conditioning, config.v0, placed=config.student == "placed")
        if config.values == "copy":
            if joint.copied is None:
                raise ValueError("a value can be copied from a destination only")
            if advance is not None:
                advance(len(concepts))
            return _memories(joint.v0, joint.copied, torch.full((len(concepts), 3), float("nan")))
        start = joint.copied if config.warm_start else None
        if config.warm_start == "states" and start is not None:
            start, _ = search(_states(backbone, concepts, config, after), start, config.of_states, advance)
        if config.values == "pooled":
            return _learned(TextGoal(joint, config), start, config, advance)
        return _learned(_noise(backbone, joint, concepts, config, progress or Silent()), start, config, advance)


def steps_of(concept: Concept, config: EmcidConfig) -> int:
    """Steps of progress that a concept takes at most."""
    config = _for(concept, config)
    if config.values == "copy":
        return 1
    after_states = 0 if config.values == "states" else config.steps
    return after_states + (config.states_steps if config.matches_states else 0)


def _for(concept: Concept, config: EmcidConfig) -> EmcidConfig:
    settled = config.settled(concept.objective)
    return settled.for_early() if concept.early else settled


def _states(
    backbone: Backbone, concepts: Sequence[Concept], config: EmcidConfig, after: Mapping[str, int]
) -> StatesGoal:
    placed = config.student == "placed"
    joint = Joint(backbone, concepts, after, config.conditioning, config.v0, placed=placed, wide=True, tail=config.tail)
    return StatesGoal(joint, States(backbone, joint, concepts, config.metric, config.tail))


def _noise(
    backbone: Backbone, joint: Joint, concepts: Sequence[Concept], config: EmcidConfig, progress: Progress
) -> NoiseGoal:
    latents = latents_of(backbone, concepts, config, progress)
    objective = concepts[0].objective

    def bank(seeds: list[int], size: int, keep: bool) -> Bank:
        cycle = size if config.timesteps == "stratified" else None
        noise = Noise(latents, seeds, backbone.timesteps, cycle)
        return Bank(backbone, joint, objective, noise, config, size, keep)

    # the last look at the validation loss is a step of its own
    needed = config.steps + (config.patience is not None)
    size = min(config.draws or needed, needed)
    made = bank([c.seed for c in concepts], size, keep=size < needed)
    held = None if config.patience is None else bank([derive(c.seed, "validation") for c in concepts], HELD, keep=True)
    return NoiseGoal(backbone, joint, made, held, config)


def _learned(
    goal: NoiseGoal | StatesGoal | TextGoal, start: Tensor | None, config: EmcidConfig, advance: Advance | None
) -> list[Memory]:
    v0 = goal.joint.v0
    delta, losses = search(goal, torch.zeros_like(v0) if start is None else start, config, advance)
    return _memories(v0, delta, losses)


def _memories(v0: Tensor, delta: Tensor, loss: Tensor) -> list[Memory]:
    rows = zip(v0.cpu(), delta.cpu(), loss.cpu(), strict=True)
    return [Memory(a.contiguous().clone(), b.contiguous().clone(), c.clone()) for a, b, c in rows]
