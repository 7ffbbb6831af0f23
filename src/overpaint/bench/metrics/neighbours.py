"""Damage to the nearest concepts, which an edit disturbs first: erasing one celebrity changes the others.

Neighbours are found automatically: the nearest names in the unedited text encoder's own end states.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from itertools import islice

import torch
from torch import Tensor
from torch.nn import functional as F

from overpaint.backbone.text import TextEncoder
from overpaint.bench.metrics.holdout import relative
from overpaint.bench.results import Row
from overpaint.bench.sheet import Sheet
from overpaint.emoji.captions import fill

__all__ = ["Neighbourhood", "neighbour_damage"]

BATCH = 256
TEMPLATE = "an image of a {}"


class Neighbourhood:
    """Names by nearness, whose states are computed once and looked up ever after.

    Make it before a patch is applied.
    """

    def __init__(self, text: TextEncoder, among: Sequence[str], template: str = TEMPLATE) -> None:
        """Of the names ``among``, in a template with one ``{}``."""
        self._text, self._among, self._template = text, tuple(among), template
        self._states = self._normal(among)

    def nearest(
        self, names: Sequence[str], count: int = 1, left: Container[str] | None = None
    ) -> Mapping[str, tuple[str, ...]]:
        """For each name the ``count`` nearest (never itself), by cosine of the pooled states, nearest first.

        ``left``: only of these; None: of all.
        """
        found = {}
        for name, row in zip(names, self._normal(names) @ self._states.T, strict=True):
            order = [self._among[i] for i in row.argsort(descending=True, stable=True).tolist()]
            fitting = (other for other in order if other != name and (left is None or other in left))
            found[name] = tuple(islice(fitting, count))
        return found

    @torch.no_grad()
    def _normal(self, names: Sequence[str]) -> Tensor:
        """Pooled states (n, width) of length 1."""
        if not names:
            return torch.zeros(0, self._text.width)
        prompts = [fill(self._template, name) for name in names]
        return F.normalize(self._text.embeddings(prompts, BATCH).float().cpu(), dim=1)


def neighbour_damage(sheet: Sheet, group: str, judge: str) -> Row:
    """Relative change of mean P(true) of the neighbours, over neighbours."""
    return relative("neighbour damage", sheet, group, judge)
