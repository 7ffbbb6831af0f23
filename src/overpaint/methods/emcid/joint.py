"""A batch of concepts in all text encoders of a model: the edited ones learn values together, the others stay.

The vectors of one concept in several encoders stand side by side in one row, in the pipeline's order of encoders.
"""

from __future__ import annotations

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
        source: conditions (p) of the unedited source prompts.
        destination: conditions (p) of the destination prompts, or None.
    """

    def __init__(
        self,
        backbone: Backbone,
        concepts: Sequence[Concept],
        after: Mapping[str, int],
        conditioning: str,
        v0: str,
    ) -> None:
        """``after``: by edited encoder the block after which its value acts."""
        self._backbone = backbone
        # encoders without a value are run from their first block on like the others, and only once
        self._contexts = {
            text.name: Context(text, concepts, after.get(text.name, 0), conditioning, v0)
            for text in backbone.text_encoders
        }
        self._edited = [self._contexts[name] for name in self._contexts if name in after]
        self.prompts: Prompts = self._edited[0].prompts
        self.v0 = torch.cat([context.v0 for context in self._edited], dim=1)
        with torch.no_grad():
            self.source = backbone.condition({name: context.source for name, context in self._contexts.items()})
        self.copied: Tensor | None = None
        self.destination: Condition | None = None
        wanted: dict[str, Encoded] = {
            name: context.destination for name, context in self._contexts.items() if context.destination is not None
        }
        if wanted:
            self.copied = torch.cat([context.copied for context in self._edited if context.copied is not None], dim=1)
            with torch.no_grad():
                self.destination = backbone.condition(wanted)

    @property
    def owner(self) -> Tensor:
        """Concept (p,) of each row."""
        return self.prompts.owner

    def split(self, rows: Tensor) -> list[Tensor]:
        """Vectors (n, width) as one (n, width_e) for each edited encoder."""
        return list(rows.split([context.v0.shape[1] for context in self._edited], dim=1))

    def student(self, delta: Tensor) -> tuple[Condition, list[Encoded]]:
        """Conditions (p) with delta (n, width) added, and the edited encoders' work behind them."""
        parts = zip(self._edited, self.split(delta), strict=True)
        made = {context.text.name: context.student(part) for context, part in parts}
        every = {name: made.get(name, context.source) for name, context in self._contexts.items()}
        return self._backbone.condition(every), list(made.values())

    def text_loss(self, encoded: Sequence[Encoded], target: str) -> Tensor:
        """Sum (n,) over edited encoders of what each is away from its destination; see `Context.text_loss`."""
        pairs = zip(self._edited, encoded, strict=True)
        losses = [context.text_loss(one, target).to(self.v0) for context, one in pairs]
        return torch.stack(losses).sum(dim=0)
