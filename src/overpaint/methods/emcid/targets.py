"""What the student's noise prediction is pulled towards: one function for each objective of EMCID, section 3.2.

A target takes noisy latents ``x_t`` (k, p, c, h, w) of k draws for p prompts, their timesteps (k, p) and the noise in
them, and gives the wanted prediction of the same shape. None of them depends on what is learned, so targets are made
once for each draw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.condition import Condition
from overpaint.methods.emcid.config import Objective
from overpaint.methods.emcid.joint import Joint

__all__ = ["Target", "destination", "mixture", "negative_guidance", "predict", "target_of", "true_noise"]

Target = Callable[[Tensor, Tensor, Tensor], Tensor]


@torch.no_grad()
def target_of(objective: Objective, backbone: Backbone, context: Joint, mu: float) -> Target:
    """The target of a batch whose concepts share an objective."""
    if objective == "images":
        return true_noise
    if objective == "destination":
        return destination(backbone, context.condition(context.destinations))
    source = context.condition(context.sources)
    empty = backbone.unconditional().repeat(len(source))
    return negative_guidance(backbone, source, replace(empty, states=empty.states[:, : source.states.shape[1]]), mu)


def destination(backbone: Backbone, wanted: Condition) -> Target:
    """Teacher: the unedited model's prediction for the destination's p prompts."""
    return lambda x_t, t, noise: predict(backbone, x_t, t, wanted)


def negative_guidance(backbone: Backbone, source: Condition, empty: Condition, mu: float) -> Target:
    """Away from the source, ``e_empty - mu (e_source - e_empty)`` (ESD, arXiv 2303.07345, equation 7)."""

    def target(x_t: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        without = predict(backbone, x_t, t, empty)
        return without - mu * (predict(backbone, x_t, t, source) - without)

    return target


def true_noise(x_t: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """The noise (k, p, c, h, w) that was added: the plain diffusion loss, on given pictures."""
    return noise


def mixture(values: dict[str, Tensor], shares: dict[str, float]) -> Tensor:
    """One value (width,) that draws several destinations, ``z = sum_d f_d z_d`` with factors that sum to 1."""
    total = sum(shares.values())
    return torch.stack([values[name] * (share / total) for name, share in shares.items()]).sum(dim=0)


@torch.no_grad()
def predict(backbone: Backbone, x_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
    """Noise predictions (k, p, c, h, w) of k draws for p conditions; no gradients."""
    k, p = x_t.shape[:2]
    tiled = condition.like(x_t).repeat(k)
    return backbone.predict_noise(x_t.flatten(0, 1), t.flatten(), tiled).unflatten(0, (k, p))
