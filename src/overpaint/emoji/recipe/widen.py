"""Feed-forward layers made wider without changing the function: more directions for the keys of closed-form edits.

An edit of n concepts disturbs others by about n / D, D being the number of directions that the keys (inputs of fc2)
span. New hidden units with zero output weights leave the model's output as it is, but give every token more
coordinates by which edits can tell it from others. Random units do this at least as well as trained ones.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from overpaint.backbone.text import text_core

__all__ = ["narrow", "widen"]


@torch.no_grad()
def widen(model: nn.Module, width: int, seed: int = 0) -> nn.Module:
    """A copy of a CLIP text model with feed-forward layers of ``width`` units, the first ones as they were.

    A new unit's fc1 weights are normal, in each input coordinate with the root mean square of the trained units there,
    and its bias is one of theirs, so new keys are of the same size and sparsity; its fc2 weights are zero.
    Outputs stay equal up to the rounding of a longer sum. Raises ValueError if the model is wider already.
    """
    wide = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    for block in text_core(wide).encoder.layers:
        mlp = block.mlp
        old = mlp.fc1.out_features
        if width < old:
            raise ValueError(f"cannot widen a feed-forward layer of {old} units to {width}")
        scale = mlp.fc1.weight.float().square().mean(dim=0).sqrt().cpu()
        new = torch.randn(width - old, mlp.fc1.in_features, generator=generator) * scale
        bias = mlp.fc1.bias.float().cpu()[torch.randint(old, (width - old,), generator=generator)]
        mlp.fc1 = _linear(
            torch.cat([mlp.fc1.weight, new.to(mlp.fc1.weight)]), torch.cat([mlp.fc1.bias, bias.to(mlp.fc1.bias)])
        )
        zeros = mlp.fc2.weight.new_zeros(mlp.fc2.out_features, width - old)
        mlp.fc2 = _linear(torch.cat([mlp.fc2.weight, zeros], dim=1), mlp.fc2.bias)
    wide.config.intermediate_size = width
    return wide


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
