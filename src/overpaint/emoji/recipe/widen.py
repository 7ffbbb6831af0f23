"""Feed-forward layers made wider without changing the function: more directions for the keys of closed-form edits.

An edit of n concepts disturbs others by about n / D, D being the number of directions that the keys (inputs of fc2)
span. New hidden units with zero output weights leave the model's output as it is, but give every token more
coordinates by which edits can tell it from others. What they look at decides how much that helps: units that see the
difference between concepts and not that between sentences (Fisher's discriminant), each active for few concepts, keep
concepts further apart than random ones do (``benchmarks/text_space.py``).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from overpaint.backbone.text import TextEncoder, text_core
from overpaint.backbone.window import fits
from overpaint.emoji.templates import FREE_FORM_TRAINING, PAPER_TEMPLATES
from overpaint.emoji.vocabulary import Vocabulary

__all__ = ["concept_inputs", "mlp_inputs", "narrow", "widen"]

SENTENCES = 5
"""Free-form sentences, beside the plain prompts, in which new units see a concept."""

ACTIVE = 0.05
"""Share of the inputs at which a new unit's sum is positive."""
BETWEEN = 0.01
"""How much the differences between concepts count as noise: keeps what no sentence ever changes from ruling alone."""


@torch.no_grad()
def mlp_inputs(
    text: TextEncoder, names: Sequence[str], templates: Sequence[str], chunk: int = 512
) -> tuple[Tensor, ...]:
    """Inputs of every block's feed-forward layer at the last tokens of names: (names, templates, width) each."""
    found = [text.locate(template, name) for name in names for template in templates]
    ids, lasts = text.tokenize([f.prompt for f in found]), torch.tensor([f.last for f in found], device=text.device)
    layers = [block.mlp.fc1 for block in text_core(text.model).encoder.layers]
    seen: list[list[Tensor]] = [[] for _ in layers]
    for part, last in zip(ids.split(chunk), lasts.split(chunk), strict=True):
        into: list[Tensor] = []
        handles = [layer.register_forward_pre_hook(lambda _, args, into=into: into.append(args[0])) for layer in layers]
        try:
            text.model(part)
        finally:
            for handle in handles:
                handle.remove()
        for block, states in enumerate(into):
            seen[block].append(states[torch.arange(len(last), device=last.device), last])
    return tuple(torch.cat(parts).unflatten(0, (len(names), len(templates))) for parts in seen)


def concept_inputs(text: TextEncoder, vocabulary: Vocabulary) -> tuple[Tensor, ...]:
    """For each block (names, templates, width), see `mlp_inputs`: in plain prompts and sentences that training used.

    Of every concept whose name fits.
    """
    templates = (*PAPER_TEMPLATES, *FREE_FORM_TRAINING[:: len(FREE_FORM_TRAINING) // SENTENCES][:SENTENCES])
    return mlp_inputs(text, [c.name for c in vocabulary.concepts if fits(text, c.name, *templates)], templates)


@torch.no_grad()
def widen(model: nn.Module, width: int, inputs: Sequence[Tensor], seed: int = 0) -> nn.Module:
    """A copy of a CLIP text model with feed-forward layers of ``width`` units, the first ones as they were.

    Outputs stay equal up to the rounding of a longer sum. Raises ValueError if the model is wider already.

    Args:
        inputs: what each block's new units shall tell apart, (concepts, sentences, width); see `mlp_inputs`.
    """
    wide = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    for block, seen in zip(text_core(wide).encoder.layers, inputs, strict=True):
        mlp = block.mlp
        old = mlp.fc1.out_features
        if width < old:
            raise ValueError(f"cannot widen a feed-forward layer of {old} units to {width}")
        if width == old:
            continue
        new, bias = _discerning(seen, width - old, generator)
        mlp.fc1 = _linear(
            torch.cat([mlp.fc1.weight, new.to(mlp.fc1.weight)]), torch.cat([mlp.fc1.bias, bias.to(mlp.fc1.bias)])
        )
        zeros = mlp.fc2.weight.new_zeros(mlp.fc2.out_features, width - old)
        mlp.fc2 = _linear(torch.cat([mlp.fc2.weight, zeros], dim=1), mlp.fc2.bias)
    wide.config.intermediate_size = width
    return wide


def _discerning(inputs: Tensor, units: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Weights (units, width) and biases (units,) of random units for inputs (concepts, sentences, width).

    Directions are normal where the covariance within concepts is white; sums have unit variance over the inputs.
    """
    x = inputs.double().cpu()
    centres = x.mean(dim=1, keepdim=True)
    away, apart = (x - centres).flatten(0, 1), (centres - centres.mean(dim=0)).flatten(0, 1)
    covariance = away.mT @ away / len(away) + BETWEEN * apart.mT @ apart / len(apart)
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp(min=1e-6 * float(values[-1])).rsqrt() @ vectors.mT
    weights = torch.randn(units, x.shape[2], generator=generator, dtype=torch.float64) @ root
    sums = x.flatten(0, 1) @ weights.mT
    spread, threshold = sums.std(dim=0), sums.kthvalue(round((1 - ACTIVE) * len(sums)), dim=0).values
    return weights / spread[:, None], -threshold / spread


@torch.no_grad()
def narrow(model: nn.Module) -> nn.Module:
    """A copy without the last hidden units that no block uses: undoes `widen`."""
    slim = copy.deepcopy(model)
    mlps = [block.mlp for block in text_core(slim).encoder.layers]
    width = max(int(mlp.fc2.weight.abs().amax(dim=0).nonzero().max()) + 1 for mlp in mlps)
    for mlp in mlps:
        mlp.fc1 = _linear(mlp.fc1.weight[:width], mlp.fc1.bias[:width])
        mlp.fc2 = _linear(mlp.fc2.weight[:, :width], mlp.fc2.bias)
    slim.config.intermediate_size = width
    return slim


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A linear layer that holds these tensors."""
    out, width = weight.shape
    layer = nn.Linear(width, out, device="meta")
    layer.weight = nn.Parameter(weight.clone())
    layer.bias = nn.Parameter(bias.clone())
    return layer
