"""Updates of some tensors by an optimiser of the Adam kind, from wherever a stopped run had come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from overpaint.backbone.gradients import gradients

__all__ = ["Descent"]


class Descent:
    """An optimiser and how far it is.

    Attributes:
        step: updates made.
    """

    def __init__(
        self,
        leaves: Mapping[str, Tensor],
        dtype: torch.dtype,
        rate: float,
        weight_decay: float = 0.0,
        clip: float | None = None,
    ) -> None:
        """Over ``leaves`` by name: Adam, or with a decoupled decay AdamW (arXiv 1711.05101).

        ``dtype``: of the network that gradients go through. ``clip``: the largest norm of all gradients together.
        """
        self.step = 0
        self._leaves = dict(leaves)
        self._clip, self._rate, self._dtype = clip, rate, dtype
        kind = torch.optim.AdamW if weight_decay else torch.optim.Adam
        # a CPU goes through the tensors once for each operation of Adam otherwise: four times as long
        fused = all(leaf.device.type == "cpu" for leaf in leaves.values()) or None
        self._optimiser = kind(list(leaves.values()), lr=rate, weight_decay=weight_decay, fused=fused)

    def gradients(self, loss: Tensor) -> tuple[Tensor, ...]:
        """Of a scalar loss, in the leaves' order and shapes: nothing else accumulates any.

        Zeros for a leaf that the loss does not depend on: a transformer drops what its last block makes of the text.
        """
        return gradients(loss, list(self._leaves.values()), self._dtype)

    def update(self, gradients: Sequence[Tensor], share: float = 1.0) -> None:
        """Change the leaves in place by gradients of their shapes, in their order, at a share of the rate."""
        leaves = list(self._leaves.values())
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf.grad = gradient
        if self._clip is not None:
            torch.nn.utils.clip_grad_norm_(leaves, self._clip)
        for group in self._optimiser.param_groups:
            group["lr"] = share * self._rate
        self._optimiser.step()
        self._optimiser.zero_grad()
        self.step += 1

    def tensors(self) -> dict[str, Tensor]:
        """All that later updates depend on: their number, the leaves, both moments."""
        state = {"step": torch.tensor(self.step)}
        for name, leaf in self._leaves.items():
            kept = self._optimiser.state[leaf]
            state |= {
                f"value {name}": leaf.detach(),
                f"first {name}": kept["exp_avg"],
                f"second {name}": kept["exp_avg_sq"],
            }
        return state

    @torch.no_grad()
    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Go on from `tensors`."""
        self.step = int(state["step"])
        for name, leaf in self._leaves.items():
            leaf.copy_(state[f"value {name}"])
            self._optimiser.state[leaf] = {
                "step": torch.tensor(float(self.step)),
                "exp_avg": state[f"first {name}"].to(leaf, copy=True),
                "exp_avg_sq": state[f"second {name}"].to(leaf, copy=True),
            }
