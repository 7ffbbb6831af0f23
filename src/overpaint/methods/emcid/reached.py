"""How far a patch carries each source to its value, measured where the value stands, with the patch applied.

What captions say often, the second moment keeps: a change that the ridge problem allows at such a token may be a small
part of what was asked (`overpaint.methods.emcid.held`), and the edit is then one in name alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.forest import states_at
from overpaint.backbone.text import TextEncoder
from overpaint.linear.precision import exact
from overpaint.methods.emcid.keys import average
from overpaint.methods.emcid.spread import sources
from overpaint.methods.emcid.tasks import Task
from overpaint.patch import Patch

__all__ = ["HALF", "held_back", "means", "share_of_way"]

HALF = 0.5
"""An edit that comes less than that part of the way is told of."""


def held_back(
    backbone: Backbone,
    patch: Patch,
    texts: Sequence[TextEncoder],
    tasks: Sequence[Task],
    values: Tensor,
    after: Mapping[str, int],
) -> dict[str, float]:
    """By source the part of the way that a patch carries it to its value, where that is less than half of it.

    Args:
        texts: the edited text encoders; of several the one in which a source comes least far counts.
        values: (tasks, widths of all encoders) after the block ``after`` of each.
    """
    before = [means(text, tasks, after[text.name]) for text in texts]
    with patch.applied_to(backbone.pipe):
        now = [means(text, tasks, after[text.name]) for text in texts]
    wanted = values.split([text.width for text in texts], dim=1)
    shares = torch.stack([share_of_way(*states).cpu() for states in zip(before, now, wanted, strict=True)]).amin(dim=0)
    pairs = zip(tasks, shares.tolist(), strict=True)
    return {task.source: round(share, 2) for task, share in pairs if share < HALF}


@torch.no_grad()
def means(text: TextEncoder, tasks: Sequence[Task], after: int) -> Tensor:
    """States (tasks, width) after block ``after`` where values stand, means over each task's own templates."""
    prompts = sources(text, tasks, [task.edit.prompts for task in tasks])
    states = states_at(text, prompts.ids, torch.arange(len(prompts)), prompts.last, after)
    return average(states, prompts.owner, prompts.concepts)


def share_of_way(before: Tensor, now: Tensor, values: Tensor) -> Tensor:
    """``<h' - h, z - h> / ||z - h||^2`` (n,) of states h before an edit, h' with it and values z (n, width).

    1 where the value is reached or nothing was to be changed.
    """
    way = exact(values).to(before) - before
    length = way.square().sum(dim=1)
    gone = ((now - before) * way).sum(dim=1)
    return torch.where(length > 0, gone / length, 1.0)
