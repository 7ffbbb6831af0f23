"""The value that turns one text into another, by contrast with texts that it must not become (ReFACT, section 3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from overpaint.backbone.gradients import gradients
from overpaint.backbone.text import TextEncoder
from overpaint.methods.emcid.adam import Adam, clamp_rows
from overpaint.methods.emcid.context import Context
from overpaint.methods.emcid.keys import average, locate
from overpaint.methods.emcid.memory import Concept
from overpaint.methods.refact.config import RefactConfig
from overpaint.progress import Advance

__all__ = ["contrast", "learn"]


def contrast(edited: Tensor, positive: Tensor, old: Tensor, others: Tensor) -> Tensor:
    """``-log softmax_j(-||E - E_j||)`` (p,) of the positive text among itself, the old one and others.

    Args:
        edited: E (p, width), end states of the edited prompts.
        positive, old: (p, width), of what each is to become and of what it was, unedited.
        others: (m, width), of texts that none should become.
    """
    dtype = torch.promote_types(edited.dtype, torch.float32)  # distances of float16 texts overflow
    edited, positive, old, others = (states.to(dtype) for states in (edited, positive, old, others))
    pairwise = torch.stack([edited - positive, edited - old], dim=1)
    near = torch.linalg.vector_norm(pairwise, dim=2)
    far = torch.cdist(edited, others) if len(others) else near[:, :0]
    return -torch.log_softmax(-torch.cat([near, far], dim=1), dim=1)[:, 0]


def learn(
    text: TextEncoder,
    concepts: Sequence[Concept],
    others: Tensor,
    config: RefactConfig,
    advance: Advance | None = None,
) -> tuple[Tensor, Tensor]:
    """What the block's output at each concept's last token is to be, and the probability reached.

    Minimises the contrast plus ``weight_decay ||delta|| / ||h||^2`` by Adam with ``||delta|| <= clamp ||h||``, for each
    concept by itself until it is done.

    Args:
        others: end states (m, width) of negative captions.

    Returns:
        Values (n, width), the mean unedited state after the block plus delta, and probabilities (n,).
    """
    context = Context(text, concepts, config.block, "window", "mean", tail=0)  # nothing behind the end is read
    assert context.destination is not None
    wanted = locate(text, [(c.prompts, c.destination or "") for c in concepts])
    positive = _ends(context.destination.final, wanted.end)
    size = torch.linalg.vector_norm(_outputs(text, context, config.block), dim=1)
    delta = torch.zeros_like(context.v0)
    adam = Adam(delta, config.rate)
    active = torch.arange(len(concepts), device=delta.device)
    learned, towards = context, positive
    for _ in range(config.steps):
        value = delta[active].requires_grad_()
        loss, probability = _evaluate(learned, value, towards, others)
        left = probability.detach() <= config.stop
        if advance is not None:
            advance(len(concepts))
        if not bool(left.all()):
            active, loss = active[left], loss[left]
            if not len(active):
                break
            learned, towards = context.take(active), positive[torch.isin(context.owner, active)]
        # clamped, as a norm has no gradient at the start, where delta is nil
        norm = value[left].square().sum(dim=1).clamp_min(1e-12).sqrt()
        decay = config.weight_decay * norm / size[active].square()
        (gradient,) = gradients((loss + decay).sum(), [value], text.dtype)  # none for the encoder's own parameters
        stepped = adam.step(active, value.detach()[left], gradient[left])
        delta[active] = clamp_rows(stepped, config.clamp * size[active])
    with torch.no_grad():
        _, probability = _evaluate(context, delta, positive, others)
        return context.v0 + delta, probability


def _evaluate(context: Context, delta: Tensor, positive: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Loss (n,) and probability (n,) of each concept, means over its prompts (p of all)."""
    end = context.prompts.end
    old = _ends(context.source.final, end)
    losses = contrast(_ends(context.student(delta).final, end), positive, old, others)
    count = torch.bincount(context.owner, minlength=len(delta))
    sums = [torch.zeros_like(delta[:, 0]).index_add(0, context.owner, x.to(delta)) for x in (losses, (-losses).exp())]
    return sums[0] / count, sums[1] / count


def _ends(final: Tensor, end: Tensor) -> Tensor:
    """States (p, width) at the end tokens (p,) of rows (p, L, width)."""
    return final[torch.arange(len(final), device=final.device), end]


@torch.no_grad()
def _outputs(text: TextEncoder, context: Context, block: int) -> Tensor:
    """h (n, width): the feed-forward outputs at the last tokens, means over prompts."""
    states = text.run(text.embed(context.ids), 0, block)
    found = context.prompts.at_last(text.block_with_mlp(states, block)[2])
    return average(found, context.owner, context.prompts.concepts).float().to(found.device)
