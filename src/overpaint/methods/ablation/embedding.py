"""A student of a few token embeddings: those of the concept's name that its anchor does not share.

The rows change for every prompt that holds these tokens; that is the published variant's way, and its weakness.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.parameters import named_parameters
from overpaint.errors import PlanError
from overpaint.methods.ablation.ablations import Ablation
from overpaint.patch import Delta, LowRank
from overpaint.plan import Plan

__all__ = ["EmbeddingStudent", "own_tokens"]


class EmbeddingStudent:
    """Rows of the token embedding; see `overpaint.methods.esd.student.Student`."""

    def __init__(self, backbone: Backbone, tokens: Sequence[int]) -> None:
        table: nn.Embedding = backbone.text.core.embeddings.token_embedding
        self._parameters: dict[str, Any] = table._parameters
        self._original: Tensor = table.weight
        self._tokens = torch.tensor(tokens, device=self._original.device)
        self._name = next(n for n, p in named_parameters(backbone.pipe).items() if p is self._original)
        rows = self._original.detach()[self._tokens].float().clone().requires_grad_()
        self.trained: dict[str, Tensor] = {self._name: rows}

    @contextmanager
    def acting(self, scale: float = 1.0) -> Iterator[None]:
        """See `Student`."""
        original = self._original.detach()
        rows = self.trained[self._name]
        if scale != 1.0:
            rows = torch.lerp(original[self._tokens].float(), rows, scale)
        try:
            self._parameters["weight"] = original.index_copy(0, self._tokens, rows.to(original.dtype))
            yield
        finally:
            self._parameters["weight"] = self._original

    def deltas(self, scale: float = 1.0) -> dict[str, Delta]:
        """See `Student`: columns that choose tokens, times their rows' change."""
        chosen = torch.zeros(len(self._original), len(self._tokens))
        chosen[self._tokens.cpu(), torch.arange(len(self._tokens))] = 1
        change = self.trained[self._name].detach() - self._original.detach()[self._tokens].float()
        return {self._name: LowRank(chosen, scale * change.cpu())}


def own_tokens(backbone: Backbone, plan: Plan, ablations: Sequence[Ablation]) -> list[int]:
    """Token numbers of the concepts' names that no anchor has, in rising order.

    Raises:
        PlanError: the model has several text encoders, or names consist of anchors' tokens alone; one line each.
    """
    if len(backbone.text_encoders) > 1:
        raise PlanError(
            f"{plan.at('settings.parameters')}: 'embedding' is for models of one text encoder; take cross or full"
        )
    text = backbone.text
    shared = {token for one in ablations for token in _tokens(text, one.anchor)}
    found: set[int] = set()
    problems: list[str] = []
    for one in ablations:
        own = _tokens(text, one.source) - shared
        if not own:
            problems.append(
                f"{one.at}: {one.source!r} has no token that is not in an anchor's name; parameters: embedding cannot"
                " tell them apart, take cross or full"
            )
        found |= own
    if problems:
        raise PlanError(*problems)
    return sorted(found)


def _tokens(text: Any, phrase: str) -> set[int]:
    place = text.locate("{}", phrase)
    return set(text.tokenize([place.prompt])[0, place.start : place.stop].tolist())
