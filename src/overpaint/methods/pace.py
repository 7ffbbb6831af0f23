"""How long a device takes for counted work, by timing one pass of each kind."""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.precision import in_precision
from overpaint.backbone.sampling import default_batch
from overpaint.methods.training.frozen import frozen
from overpaint.methods.work import BACKWARD, Work

__all__ = ["exact_seconds", "seconds_of", "trained_seconds"]

PART = 4
"""Training holds the activations of its rows: this part of the rows that are drawn at once."""


def seconds_of(backbone: Backbone, work: Work, precision: str = "float32") -> float:
    """Of all evaluations of the denoiser; what methods do in text alone, and grading, are not in it."""
    asked = work.evaluations - work.trained - work.exact
    drawn = asked * _seconds(backbone, precision, _batch(backbone), False) if asked else 0.0
    return drawn + exact_seconds(backbone, work) + trained_seconds(backbone, work, precision)


def exact_seconds(backbone: Backbone, work: Work) -> float:
    """Of the passes without gradients alone that are in float32 whatever the precision."""
    return work.exact * _seconds(backbone, "float32", _batch(backbone), False) if work.exact else 0.0


def trained_seconds(backbone: Backbone, work: Work, precision: str) -> float:
    """Of the passes with gradients alone. A pass in training costs more than its evaluations do in drawing."""
    if not work.trained:
        return 0.0
    rows = max(1, _batch(backbone) // PART)
    return work.trained / (1 + BACKWARD) * _seconds(backbone, precision, rows, True)


def _batch(backbone: Backbone) -> int:
    return default_batch(backbone.latent_shape, backbone.device)


def _seconds(backbone: Backbone, precision: str, rows: int, gradients: bool) -> float:
    """Of one row among so many in one pass, the second of two; with ``gradients`` of the text, there and back."""
    device = backbone.device
    condition = backbone.unconditional().to(device, backbone.dtype).repeat(rows)
    latent = torch.zeros(rows, *backbone.latent_shape, device=device, dtype=backbone.dtype)
    middle = torch.full((rows,), backbone.timesteps // 2, device=device)
    within = backbone.in_training(precision) if gradients else in_precision(device, precision)
    taken = 0.0
    with frozen(backbone.denoiser), torch.set_grad_enabled(gradients), within:
        for _ in range(2):
            start = time.monotonic()
            states = condition.states.detach().requires_grad_(gradients)
            total = backbone.predict(latent, middle, replace(condition, states=states)).float().sum()
            found = torch.autograd.grad(total, states)[0].sum() if gradients else total
            found.item()  # waits for the device
            taken = time.monotonic() - start
    return taken / rows
