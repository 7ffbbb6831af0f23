"""A patch of a tiny pipeline, and whether the pipeline's weights are what they were."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.parameters import named_parameters
from overpaint.patch import Delta, Dense, LowRank, Mapped, Patch

FC2 = "text_encoder.text_model.encoder.layers.{}.mlp.fc2.weight"
KERNEL = "unet.conv_in.weight"
BIAS = "unet.conv_in.bias"


def make(pipe: Any, seed: int = 0, names: tuple[str, ...] = (FC2.format(0), FC2.format(1), KERNEL, BIAS)) -> Patch:
    """Low-rank on matrices and kernels, dense on vectors; large enough to be seen in half precision."""
    generator = torch.Generator().manual_seed(seed)
    parameters = named_parameters(pipe)
    deltas: dict[str, Any] = {}
    for name in names:
        shape = parameters[name].shape
        if len(shape) == 1:
            deltas[name] = Dense(torch.randn(shape, generator=generator))
        else:
            up = torch.randn(shape[0], 2, generator=generator)
            deltas[name] = LowRank(up, torch.randn(2, shape[1:].numel(), generator=generator))
    return Patch.made_on(pipe, deltas, {"model": "tiny", "seed": seed})


def matrix_of(delta: Delta) -> Tensor:
    """Of a change that is the same whatever it is added to."""
    assert not isinstance(delta, Mapped)
    return delta.matrix()


def snapshot(pipe: Any) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in named_parameters(pipe).items()}


def unchanged(pipe: Any, before: dict[str, Tensor]) -> bool:
    return all(torch.equal(before[name], parameter) for name, parameter in named_parameters(pipe).items())
