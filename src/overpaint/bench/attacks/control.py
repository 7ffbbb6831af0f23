"""A model that knows nothing of pictures, to see what an inversion reaches by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.loading import backbone_of
from overpaint.seeding import derive

__all__ = ["Shuffled"]


class Shuffled:
    """The denoiser with the entries of every weight in random order: the same sizes and spread, no knowledge left.

    Text encoders and autoencoder stay. Applied as a patch is.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.hash = f"shuffled denoiser, seed {seed}"

    @contextmanager
    def applied_to(self, pipe: Any) -> Iterator[Any]:
        """Shuffle in place; leaving puts every entry back to where it was."""
        with ExitStack() as stack:
            for name, parameter in backbone_of(pipe).denoiser.named_parameters():
                _reorder(parameter, self._order(name, parameter))
                stack.callback(self._put_back, name, parameter)
            yield pipe

    def _put_back(self, name: str, parameter: Tensor) -> None:
        _reorder(parameter, torch.argsort(self._order(name, parameter)))

    def _order(self, name: str, parameter: Tensor) -> Tensor:
        source = torch.Generator("cpu").manual_seed(derive(self.seed, "shuffled", name))
        return torch.randperm(parameter.numel(), generator=source)


@torch.no_grad()
def _reorder(parameter: Tensor, order: Tensor) -> None:
    parameter.copy_(parameter.flatten()[order.to(parameter.device)].view_as(parameter))
