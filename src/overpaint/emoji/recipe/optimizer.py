"""Muon: momentum whose update is replaced by its nearest (semi-)orthogonal matrix, with AdamW for everything else.

Few cores make every sample dear; per sample an orthogonalised update learns faster than AdamW, and its extra matrix
products cost a few percent of a step. Source: K. Jordan et al., "Muon" (2024); the learning-rate scale that makes one
rate serve both kinds of parameter is from J. Liu et al., arXiv 2502.16982, section 2.2. ``torch.optim.Muon`` refuses
convolutions, which hold most of a denoiser's weights.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

__all__ = ["HybridMuon", "orthogonalise"]


def orthogonalise(matrices: Tensor, steps: int = 4) -> Tensor:
    """Approximate ``U V'`` of each matrix ``U S V'`` in a ``(batch, rows, columns)`` stack by Newton-Schulz.

    The odd polynomial acts through the small Gram matrix alone, so long rows (convolutions) are multiplied only twice:
    X_k = Q_k X_0 and G_k = X_k X_k' obey Q <- p(G) Q and G <- p(G) G p(G), where p(G) = a I + b G + c G^2.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrices if matrices.shape[1] <= matrices.shape[2] else matrices.mT
    x = wide / (wide.norm(dim=(1, 2), keepdim=True) + 1e-7)
    gram = x @ x.mT
    identity = torch.eye(gram.shape[1], dtype=x.dtype, device=x.device)
    product = identity
    for step in range(steps):
        polynomial = a * identity + b * gram + c * gram @ gram
        product = polynomial @ product if step else polynomial
        if step < steps - 1:
            gram = polynomial @ gram @ polynomial
    x = product @ x
    return x if matrices.shape[1] <= matrices.shape[2] else x.mT


class HybridMuon(torch.optim.Optimizer):
    """Muon on hidden weight matrices and convolutions, AdamW on embeddings, norms, biases, first and last layers.

    Args:
        model: its parameters are sorted into the two kinds by shape and by ``plain``.
        lr: shared learning rate; Muon's update is scaled to the root mean square of AdamW's.
        plain: name parts whose matrices are left to AdamW (embeddings, input and output layers).
        halves: orthogonalise in bfloat16, which the iteration bears.
    """

    def __init__(
        self,
        model: nn.Module,
        lr: float,
        plain: Iterable[str] = (),
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.01,
        halves: bool = False,
    ) -> None:
        plain = tuple(plain)
        self.dtype = torch.bfloat16 if halves else torch.float32
        hidden: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                is_hidden = parameter.ndim >= 2 and not any(part in name for part in plain)
                (hidden if is_hidden else rest).append(parameter)
        groups = [{"params": hidden, "muon": True}, {"params": rest, "muon": False}]
        defaults = {"lr": lr, "momentum": momentum, "betas": betas, "weight_decay": weight_decay}
        super().__init__([group for group in groups if group["params"]], defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Apply one update from the gradients in place."""
        for group in self.param_groups:
            (self._muon if group["muon"] else self._adamw)(group)

    def _muon(self, group: dict) -> None:
        by_shape: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            gradient = parameter.grad
            state["momentum"].lerp_(gradient, 1 - group["momentum"])
            update = gradient.lerp(state["momentum"], group["momentum"]).flatten(1)
            by_shape[(update.shape[0], update.shape[1])].append((parameter, update))
        for (rows, columns), pairs in by_shape.items():
            updates = orthogonalise(torch.stack([update for _, update in pairs]).to(self.dtype)).float()
            scale = 0.2 * max(rows, columns) ** 0.5
            for (parameter, _), update in zip(pairs, updates, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update.view_as(parameter), alpha=-group["lr"] * scale)

    def _adamw(self, group: dict) -> None:
        first, second = group["betas"]
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            state = self.state[parameter]
            if not state:
                state["mean"] = torch.zeros_like(parameter)
                state["square"] = torch.zeros_like(parameter)
                state["count"] = torch.zeros(())
            state["count"] += 1
            count = state["count"].item()
            state["mean"].lerp_(parameter.grad, 1 - first)
            state["square"].mul_(second).addcmul_(parameter.grad, parameter.grad, value=1 - second)
            denominator = (state["square"] / (1 - second**count)).sqrt_().add_(1e-8)
            parameter.addcdiv_(state["mean"], denominator, value=-group["lr"] / (1 - first**count))
