"""Stage I: one value for each concept by dual self-distillation, batched over concepts (EMCID, section 3.2).

Concepts do not interact: losses are sums of per-concept means, Adam works element by element, the clamp row by row.
A batch therefore gives what its concepts would give one by one, up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext

import torch
from torch import Tensor

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.context import Context
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
    backbone: StableDiffusion,
    concepts: Sequence[Concept],
    config: EmcidConfig,
    block: int,
    progress: Progress | None = None,
    advance: Advance | None = None,
) -> list[Memory]:
    """Learn the values of a batch, to act after ``block``.

    The batch shares objective, number of prompts, and whether there is a destination; for short conditioning the
    padded lengths as well. ``advance(1)`` is called for every step, n at a time.
    """
    progress = progress or Silent()
    context = Context(backbone.text, concepts, block, config.conditioning, config.v0)
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
        source = Noise(latents, [c.seed for c in concepts], len(backbone.alphas_cumprod))
        target = target_of(concepts[0].objective, backbone, context, config.mu)
        noises = _with_targets(backbone, source, target, len(context.owner), config)
    with ExitStack() as stack:
        for module in (backbone.text.model, backbone.unet):
            stack.enter_context(frozen(module))
        delta, loss = _optimise(backbone, context, start, noises, config, advance)
    return _memories(context.v0, delta, loss)


def _optimise(
    backbone: StableDiffusion,
    context: Context,
    start: Tensor,
    noises: Iterator[tuple[Tensor, Tensor, Tensor]] | None,
    config: EmcidConfig,
    advance: Advance | None,
) -> tuple[Tensor, Tensor]:
    """Delta (n, width) after all steps and the losses (n, 3) of the last one."""
    norm = context.v0.norm(dim=1)
    delta = clamp_rows(start.clone(), config.clamp * norm)
    adam = Adam(delta, config.rate)
    text = config.text_weight > 0 and context.destination is not None
    parts = torch.full((len(delta), 3), float("nan"))
    for _ in range(config.steps):
        delta.requires_grad_()
        final = context.student(delta)
        losses: dict[int, Tensor] = {2: config.weight_decay * delta.norm(dim=1) / norm.square()}
        if noises is not None:
            losses[0] = _noise_loss(backbone, context, config, final, *next(noises))
        if text:
            losses[1] = config.text_weight * context.text_loss(final, config.text_target).float()
        (gradient,) = torch.autograd.grad(sum(loss.sum() for loss in losses.values()), delta)
        with torch.no_grad():
            delta = clamp_rows(adam.step(delta.detach(), gradient), config.clamp * norm)
        if advance is not None:
            advance(len(delta))
    for column, loss in losses.items():
        parts[:, column] = loss.detach().float().cpu()
    return delta, parts


def _noise_loss(
    backbone: StableDiffusion,
    context: Context,
    config: EmcidConfig,
    final: Tensor,
    x_t: Tensor,
    t: Tensor,
    wanted: Tensor,
) -> Tensor:
    """Mean squared error (n,) of the student's noise predictions for noisy latents (p, c, h, w)."""
    with in_precision(backbone, config.precision):
        made = backbone.predict_noise(x_t, t, final.to(x_t.dtype))
    per_row = (made.float() - wanted.float()).square().flatten(1).mean(dim=1)
    total = torch.zeros(context.prompts.concepts, device=per_row.device).index_add(0, context.owner, per_row)
    return total / torch.bincount(context.owner)


def _with_targets(
    backbone: StableDiffusion, source: Noise, target: Target, rows: int, config: EmcidConfig
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


def _noisy(backbone: StableDiffusion, draw: Draw) -> Tensor:
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


def in_precision(backbone: StableDiffusion, precision: str) -> AbstractContextManager[object]:
    """Where the denoiser computes in a lower precision; parameters, values and losses keep theirs."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(backbone.device.type, dtype=getattr(torch, precision))


def _memories(v0: Tensor, delta: Tensor, loss: Tensor) -> list[Memory]:
    rows = zip(v0.cpu(), delta.detach().cpu(), loss.cpu(), strict=True)
    return [Memory(a.contiguous().clone(), b.contiguous().clone(), c.clone()) for a, b, c in rows]
