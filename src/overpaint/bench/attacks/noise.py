"""How well a model, told some text, denoises given pictures: the loss that white-box attacks on text minimise.

UnlearnDiffAtk (Zhang et al., arXiv 2310.11868) reads a diffusion model as a classifier of pictures by it; textual
inversion (Gal et al., arXiv 2208.01618) learns words by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.condition import Condition
from overpaint.methods.training.frozen import frozen

__all__ = ["Noisy", "conditioned", "noise_loss", "noisy", "towards_text"]


@dataclass(frozen=True)
class Noisy:
    """Noisy latents of pictures: x_t and noise (n, c, h, w), timesteps t (n,). No two rows are alike."""

    x_t: Tensor
    t: Tensor
    noise: Tensor


def noisy(backbone: Backbone, x0: Tensor, count: int, source: torch.Generator) -> Noisy:
    """``count`` draws from latents x0 (k, c, h, w), each used as often; timesteps spread evenly over all of them.

    Stratified: a uniform timestep from each of ``count`` equal parts of the schedule, so that losses over few draws
    vary less than with independent ones, in the same mean.
    """
    chosen = x0[torch.arange(count) % len(x0)]
    parts = (torch.randperm(count, generator=source) + torch.rand(count, generator=source)) / count
    t = (parts * backbone.timesteps).long().clamp(max=backbone.timesteps - 1).to(x0.device)
    noise = torch.randn(chosen.shape, generator=source).to(chosen)
    return Noisy(backbone.add_noise(chosen, noise, t), t, noise)


def noise_loss(backbone: Backbone, draws: Noisy, condition: Condition) -> Tensor:
    """Mean squared error of the noise predicted under one text, a scalar.

    One text at a time: a batch that holds the same latents twice would be taken for guided drawing by a guard.
    """
    rows = condition.repeat(len(draws.t)).like(draws.x_t)
    made = backbone.predict_noise(draws.x_t, draws.t, rows)
    return (made.float() - draws.noise.float()).square().mean()


def conditioned(backbone: Backbone, ids: Mapping[str, Tensor], states: Mapping[str, Tensor]) -> Condition:
    """Conditions of n prompts, given each text encoder's token ids (n, w) and states (n, w, width) behind embedding."""
    return backbone.condition(
        {text.name: text.encoded(ids[text.name], states[text.name]) for text in backbone.text_encoders}
    )


@contextmanager
def towards_text(backbone: Backbone) -> Iterator[None]:
    """Where gradients with respect to text are taken: none of the model's parameters gets one."""
    with ExitStack() as stack:
        for module in (backbone.denoiser, *(text.model for text in backbone.text_encoders)):
            stack.enter_context(frozen(module))
        stack.enter_context(torch.enable_grad())
        yield
