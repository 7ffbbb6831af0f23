"""When a concept has learned enough: each by itself, so that nobody's neighbours matter."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["CHECK", "Plateau"]

CHECK = 5
"""Steps between two looks at a concept's validation loss."""


class Plateau:
    """What n concepts have come to.

    Attributes:
        lowest: (n,) validation loss at its last fall, infinite before the first one.
    """

    def __init__(self, concepts: int, patience: int, flat: float) -> None:
        """A loss falls when it is below ``1 - flat`` of what it was at its last fall; ``patience`` counts steps."""
        self.lowest = torch.full((concepts,), torch.inf, dtype=torch.float64)
        self._at = torch.zeros(concepts, dtype=torch.long)
        self._patience = patience
        self._share = 1 - flat

    def look(self, concepts: Tensor, steps: Tensor, loss: Tensor) -> tuple[Tensor, Tensor]:
        """Of concepts (k,) that have made so many steps (k,): who has fallen, and who will not fall any more (k,)."""
        loss = loss.double()
        fallen = loss < self._share * self.lowest[concepts]
        self.lowest[concepts[fallen]] = loss[fallen]
        self._at[concepts[fallen]] = steps[fallen]
        return fallen, steps - self._at[concepts] >= self._patience
