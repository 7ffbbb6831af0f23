"""What a plan takes, counted before anything is done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

__all__ = ["BACKWARD", "DOUBLE", "SINGLE", "Work", "elements"]

BACKWARD = 2
"""A backward pass costs about two forward ones."""
SINGLE, DOUBLE = 4, 8
"""Bytes of a float32 and of a float64."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """Upper bounds, as if nothing were known from earlier runs.

    Attributes:
        parameters: elements of the weights that change.
        pictures: to be drawn.
        evaluations: of the denoiser on one latent, a backward pass counted as two.
        trained: those of them that belong to passes with gradients, forward and backward.
        exact: those of the others that are in float32 whatever the ``precision`` of training.
        memory: bytes beside the loaded model, without activations.
        disk: bytes of the patch and of what is kept for later runs.
    """

    parameters: int = 0
    pictures: int = 0
    evaluations: int = 0
    trained: int = 0
    exact: int = 0
    memory: int = 0
    disk: int = 0

    def then(self, other: Work) -> Work:
        """This and afterwards the other: weights and memory are those of the larger, all else adds up."""
        return Work(
            parameters=max(self.parameters, other.parameters),
            pictures=self.pictures + other.pictures,
            evaluations=self.evaluations + other.evaluations,
            trained=self.trained + other.trained,
            exact=self.exact + other.exact,
            memory=max(self.memory, other.memory),
            disk=self.disk + other.disk,
        )


def elements(tensors: Iterable[Tensor]) -> int:
    """Numbers in tensors of any shape, all together."""
    return sum(tensor.numel() for tensor in tensors)
