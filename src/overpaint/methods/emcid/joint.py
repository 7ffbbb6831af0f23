"""A batch of concepts in all text encoders of a model: the edited ones learn values together, the others stay.

The vectors of one concept in several encoders stand side by side in one row, in the pipeline's order of encoders.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.condition import Condition
from overpaint.backbone.text import Encoded
from overpaint.methods.emcid.context import Context
from overpaint.methods.emcid.keys import Prompts
from overpaint.methods.emcid.memory import Concept

__all__ = ["Joint"]


class Joint:
    """The contexts of all encoders.

    Attributes:
        prompts: the source prompts as the first edited encoder has them.
        v0: (n, width) origins, width being the sum over edited encoders.
        copied: (n, width) what a copied value adds to them, or None without destinations.
        sources: the unedited source prompts (p) behind each encoder, by its name.
        destinations: the same of the destination prompts; empty without destinations.
        edited: names of the encoders that have a value.
    """

    def __init__(
        self,
        backbone: Backbone,
        concepts: Sequence[Concept],
        after: Mapping[str, int],
        conditioning: str,
        v0: str,
        *,
        placed: bool = False,
        wide: bool = False,
        tail: int | None = None,
    ) -> None:
        """``after``: by edited encoder the block after which its value acts; the rest as for `Context`."""
        self._backbone = backbone
        self.edited = frozenset(after)
        # encoders without a value are run from their first block on like the others, and only once
        self._gather(
            {
                text.name: Context(
                    text, concepts, after.get(text.name, 0), conditioning, v0, placed=placed, wide=wide, tail=tail
                )
                for text in backbone.text_encoders
            }
        )

    def _gather(self, contexts: dict[str, Context]) -> None:
        self._contexts = contexts
        self._edited = [context for name, context in contexts.items() if name in self.edited]
        self.prompts: Prompts = self._edited[0].prompts
        self.v0 = torch.cat([context.v0 for context in self._edited], dim=1)
        self.sources = {name: context.source for name, context in contexts.items()}
        self.destinations = {name: c.destination for name, c in contexts.items() if c.destination is not None}
        found = [context.copied for context in self._edited if context.copied is not None]
        self.copied = torch.cat(found, dim=1) if found else None

    @property
    def owner(self) -> Tensor:
        """Concept (p,) of each row."""
        return self.prompts.owner

    @property
    def dtype(self) -> torch.dtype:
        """Of the networks that gradients go through."""
        return self._backbone.dtype

    def split(self, rows: Tensor) -> list[Tensor]:
        """Vectors (n, width) as one (n, width_e) for each edited encoder."""
        return list(rows.split([context.v0.shape[1] for context in self._edited], dim=1))

    def take(self, chosen: Tensor) -> Joint:
        """The same of some concepts alone, given by number in rising order (k,) and numbered anew."""
        if len(chosen) == self.prompts.concepts:
            return self
        part = copy.copy(self)
        part._gather({name: context.take(chosen) for name, context in self._contexts.items()})
        return part

    def student(self, delta: Tensor) -> dict[str, Encoded]:
        """The source prompts (p) behind every encoder, with delta (n, width) added in the edited ones."""
        parts = zip(self._edited, self.split(delta), strict=True)
        return self.sources | {context.text.name: context.student(part) for context, part in parts}

    def condition(self, encoded: Mapping[str, Encoded]) -> Condition:
        """What the denoiser is told of prompts (p)."""
        return self._backbone.condition(encoded)

    def text_loss(self, encoded: Mapping[str, Encoded], target: str) -> Tensor:
        """Sum (n,) over edited encoders of what each is away from its destination; see `Context.text_loss`."""
        losses = [context.text_loss(encoded[context.text.name], target).to(self.v0) for context in self._edited]
        return torch.stack(losses).sum(dim=0)
