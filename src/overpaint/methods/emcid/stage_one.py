"""Stage I: one value for each concept by dual self-distillation, batched over concepts (EMCID, section 3.2).

Concepts do not interact: losses are sums of per-concept means, Adam works element by element, the clamp row by row.
A batch therefore gives what its concepts would give one by one, up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.condition import Condition
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.joint import Joint
from overpaint.methods.emcid.latents import Draw, Noise, latents_of
from overpaint.methods.emcid.memory import Concept, Memory
from overpaint.methods.emcid.targets import Target, target_of
from overpaint.methods.training.frozen import frozen
from overpaint.progress import Progress, Silent

__all__ = ["Adam", "clamp_rows", "stage_one"]

Advance = Callable[..., None]
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
ROWS = 96
"""Noisy latents in one forward pass of the teacher, about."""


def stage_one(
    backbone: Backbone,
    concepts: Sequence[Concept],
    config: EmcidConfig,
    after: Mapping[str, int],
    progress: Progress | None = None,
    advance: Advance | None = None,
) -> list[Memory]:
    """Learn the values of a batch; ``after`` says after which block each edited text encoder's value is to act.

    The batch shares objective, number of prompts, and whether there is a destination; for short conditioning the
    padded lengths as well. ``advance(1)`` is called for every step, n at a time.
    """
    progress = progress or Silent()
    context = Joint(backbone, concepts, after, config.conditioning, config.v0)
    start = context.copied
    if config.values == "copy":
        if start is None:
            raise ValueError("a value can be copied from a destination only")
        if advance is not None:
            advance(len(concepts))
        return _memories(context.v0, start, torch.full((len(concepts), 3), float("nan")))
    if start is None or not config.warm_start:
        start = torch.zeros_like(context.v0)
    noises = None
    if config.values == "noise":
        latents = latents_of(backbone, concepts, config, progress)
        source = Noise(latents, [c.seed for c in concepts], backbone.timesteps)
        target = target_of(concepts[0].objective, backbone, context, config.mu)
        noises = _with_targets(backbone, source, target, len(context.owner), config)
    with ExitStack() as stack:
        for module in (backbone.denoiser, *(text.model for text in backbone.text_encoders)):
            stack.enter_context(frozen(module))
        delta, loss = _optimise(backbone, context, start, noises, config, advance)
    return _memories(context.v0, delta, loss)


def _optimise(
    backbone: Backbone,
    context: Joint,
    start: Tensor,
    noises: Iterator[tuple[Tensor, Tensor, Tensor]] | None,
    config: EmcidConfig,
    advance: Advance | None,
) -> tuple[Tensor, Tensor]:
    """Delta (n, width) after all steps and the losses (n, 3) of the last one."""
    norms = [part.norm(dim=1) for part in context.split(context.v0)]

    def clamped(rows: Tensor) -> Tensor:
        parts = zip(context.split(rows), norms, strict=True)
        return torch.cat([clamp_rows(part, config.clamp * norm) for part, norm in parts], dim=1)

    delta = clamped(start.clone())
    adam = Adam(delta, config.rate)
    text = config.text_weight > 0 and context.destination is not None
    parts = torch.full((len(delta), 3), float("nan"))
    for _ in range(config.steps):
        delta.requires_grad_()
        condition, encoded = context.student(delta)
        lengths = [part.norm(dim=1) / norm.square() for part, norm in zip(context.split(delta), norms, strict=True)]
        losses: dict[int, Tensor] = {2: config.weight_decay * torch.stack(lengths).sum(dim=0)}
        if noises is not None:
            losses[0] = _noise_loss(backbone, context, config, condition, *next(noises))
        if text:
            losses[1] = config.text_weight * context.text_loss(encoded, config.text_target)
        (gradient,) = torch.autograd.grad(sum(loss.sum() for loss in losses.values()), delta)
        with torch.no_grad():
            delta = clamped(adam.step(delta.detach(), gradient))
        if advance is not None:
            advance(len(delta))
    for column, loss in losses.items():
        parts[:, column] = loss.detach().float().cpu()
    return delta, parts


def _noise_loss(
    backbone: Backbone,
    context: Joint,
    config: EmcidConfig,
    condition: Condition,
    x_t: Tensor,
    t: Tensor,
    wanted: Tensor,
) -> Tensor:
    """Mean squared error (n,) of the student's noise predictions for noisy latents (p, c, h, w)."""
    with in_precision(backbone, config.precision):
        made = backbone.predict_noise(x_t, t, condition.like(x_t))
    # an offloaded denoiser computes elsewhere than the text encoders are
    per_row = (made.float() - wanted.float()).square().flatten(1).mean(dim=1).to(context.owner.device)
    total = torch.zeros(context.prompts.concepts, device=per_row.device).index_add(0, context.owner, per_row)
    return total / torch.bincount(context.owner)


def _with_targets(
    backbone: Backbone, source: Noise, target: Target, rows: int, config: EmcidConfig
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Noisy latents, timesteps and targets of one step after the other: (p, c, h, w), (p,), (p, c, h, w).

    Targets are made for several steps in one forward pass. With ``config.draws`` they are made once and used in turn.
    """
    bank: list[tuple[Tensor, Tensor, Tensor]] = []
    limit = config.draws or config.steps
    group = max(1, ROWS // rows)
    left = limit
    while left:
        count = min(group, left)
        left -= count
        draw = source.draw(count)
        x_t = _noisy(backbone, draw)
        with torch.no_grad(), in_precision(backbone, config.precision):
            wanted = target(x_t, draw.t, draw.noise)
        for made in zip(x_t, draw.t, wanted, strict=True):
            if config.draws is not None and config.draws < config.steps:
                bank.append(made)
            yield made
    while bank:
        yield from bank


def _noisy(backbone: Backbone, draw: Draw) -> Tensor:
    x_t = backbone.add_noise(draw.x0.flatten(0, 1), draw.noise.flatten(0, 1), draw.t.flatten())
    return x_t.unflatten(0, draw.t.shape)


class Adam:
    """Adam (arXiv 1412.6980) on one tensor, without a graph, a schedule or weight decay."""

    def __init__(self, like: Tensor, rate: float) -> None:
        self.rate = rate
        self._first, self._second = torch.zeros_like(like), torch.zeros_like(like)
        self._steps = 0

    def step(self, value: Tensor, gradient: Tensor) -> Tensor:
        """The value after one more step."""
        self._steps += 1
        self._first = BETA1 * self._first + (1 - BETA1) * gradient
        self._second = BETA2 * self._second + (1 - BETA2) * gradient.square()
        mean = self._first / (1 - BETA1**self._steps)
        root = (self._second / (1 - BETA2**self._steps)).sqrt()
        return value - self.rate * mean / (root + EPSILON)


def clamp_rows(rows: Tensor, limit: Tensor) -> Tensor:
    """Rows (n, d) shortened to the norms ``limit`` (n,) where they are longer."""
    norm = rows.norm(dim=1)
    return torch.where((norm > limit)[:, None], rows * (limit / norm.clamp(min=1e-12))[:, None], rows)


def in_precision(backbone: Backbone, precision: str) -> AbstractContextManager[object]:
    """Where the denoiser computes in a lower precision; parameters, values and losses keep theirs."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(backbone.device.type, dtype=getattr(torch, precision))


def _memories(v0: Tensor, delta: Tensor, loss: Tensor) -> list[Memory]:
    rows = zip(v0.cpu(), delta.detach().cpu(), loss.cpu(), strict=True)
    return [Memory(a.contiguous().clone(), b.contiguous().clone(), c.clone()) for a, b, c in rows]
