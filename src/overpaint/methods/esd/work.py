"""What ESD takes."""

from __future__ import annotations

from math import prod

import torch

from overpaint.backbone.backbone import Backbone
from overpaint.methods.esd.config import EsdConfig
from overpaint.methods.esd.erasures import erasures_of, templates_of
from overpaint.methods.esd.selection import select
from overpaint.methods.esd.trajectories import length
from overpaint.methods.esd.validation import HALVINGS
from overpaint.methods.training.updates import updates_of
from overpaint.methods.work import BACKWARD, SINGLE, Work, elements
from overpaint.plan import Plan

__all__ = ["work_of"]

TRAINED = 4
"""Tensors for each trained one: its float32 master, the gradient and Adam's two moments."""
STATE = 3
"""Tensors that a stopped run goes on from: master and moments."""
NUMBERS = 16
"""Bytes of a row's timestep and number of its prompt."""


def work_of(backbone: Backbone, plan: Plan, config: EsdConfig) -> Work:
    """All updates, as if it never stopped early. Raises PlanError as `overpaint.methods.esd.fit.fit` does."""
    erasures = erasures_of(backbone.text, plan, config)
    slots = select(backbone.denoiser, config.parameters, backbone.denoiser_name)
    parameters = elements(slot.value for slot in slots)
    learned = parameters
    if config.rank is not None:
        shapes = [slot.value.shape for slot in slots if slot.leaf == "weight"]
        learned = sum(config.rank * (shape[0] + shape[1:].numel()) for shape in shapes)
    steps = length(backbone, config.image_steps)
    updates = updates_of(len(erasures), config.steps, config.further)
    keeping = config.preserve > 0 and bool(plan.preserve or config.captions or config.protect)
    kept = len(plan.preserve) * len(templates_of(plan, config)) * config.preserve_trajectories + config.captions
    kept = kept if keeping else 0
    protected = config.protect and config.preserve > 0  # at the original model's trajectories, whatever trains
    cached = config.sampling == "cached"
    rounds = -(-updates // config.on_policy_every) if cached and config.on_policy_every else 1
    drawn = refreshed = teacher = checked = 0
    row = SINGLE * torch.Size(backbone.latent_shape).numel()
    pool = kept * (2 * row + NUMBERS)  # input and prediction of every step
    for erasure in erasures:
        # what the sampler has not told of already
        told = {erasure.given} if erasure.styled else {"", erasure.given}
        asked = {"", erasure.source, erasure.base or ""} - (set() if erasure.images else told)
        if not cached:
            # half a trajectory, both predictions of it, and the teacher's at its end, for every row
            each = -(-updates // len(erasures)) * config.batch
            teacher += each * (steps + len({"", erasure.source, erasure.base or ""}))
        if cached or protected:
            paths = config.trajectories * len(erasure.templates)
            drawn += 0 if erasure.images else paths
            # the input and the predictions that make its target
            pool += paths * ((4 if erasure.base else 3) * row + NUMBERS)
            again = (rounds - 1) * prod(config.refreshed(len(erasure.templates), steps))
            refreshed += 0 if erasure.images else again
            # a student that samples tells nothing of the teacher
            teacher += steps * (paths * len(asked) + again * len(asked | {"", erasure.given}))
        shown = 2 if config.measure == "pictures" else 1
        checked += config.validate_trajectories * len(erasure.checked) * steps * shown
    looks = 0 if config.until == "steps" else 3 + updates // config.validate_every
    looks += 1 + HALVINGS if config.until == "strength" else 0
    pictures = drawn + refreshed + kept
    trained = updates * config.batch * (2 if keeping else 1) * (1 + BACKWARD)
    exact = pictures * steps * 2 + teacher + looks * checked
    pool *= steps
    return Work(
        parameters=parameters,
        pictures=pictures,
        evaluations=exact + trained,
        trained=trained,
        exact=exact,
        memory=TRAINED * SINGLE * learned + pool,
        disk=SINGLE * learned + (STATE * SINGLE * learned if config.checkpoint_every else 0) + pool,
    )
