"""Damage to the nearest concepts, which an edit disturbs first: erasing one celebrity changes the others.

Neighbours are found automatically: the nearest names in the unedited text encoder's own end states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from overpaint.backbone.text import TextEncoder
from overpaint.bench.metrics.holdout import relative
from overpaint.bench.results import Row
from overpaint.bench.sheet import Sheet
from overpaint.emoji.captions import fill

__all__ = ["nearest_names", "neighbour_damage"]

BATCH = 256
TEMPLATE = "an image of a {}"


def nearest_names(
    text: TextEncoder, names: Sequence[str], among: Sequence[str], count: int = 1, template: str = TEMPLATE
) -> Mapping[str, tuple[str, ...]]:
    """For each name the ``count`` nearest of ``among`` (never itself), by cosine of the pooled states, nearest first.

    Ask before a patch is applied.
    """
    if not among:
        return {name: () for name in names}
    states = F.normalize(_pooled(text, [fill(template, name) for name in among]), dim=1)
    asked = F.normalize(_pooled(text, [fill(template, name) for name in names]), dim=1)
    found = {}
    for name, row in zip(names, asked @ states.T, strict=True):
        order = [among[i] for i in row.argsort(descending=True, stable=True).tolist()]
        found[name] = tuple(other for other in order if other != name)[:count]
    return found


def neighbour_damage(sheet: Sheet, group: str, judge: str) -> Row:
    """Relative change of mean P(true) of the neighbours, over neighbours."""
    return relative("neighbour damage", sheet, group, judge)


@torch.no_grad()
def _pooled(text: TextEncoder, prompts: Sequence[str]) -> Tensor:
    """End states ``(n, width)``."""
    return text.embeddings(prompts, BATCH).float().cpu()
