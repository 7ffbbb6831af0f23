"""Values in many sentences: what Stage II aims at where a phrase stands among other words than those of its templates.

A key moves with the words before the phrase, so a change that is solved for mean keys reaches less than its value in
any one sentence. Each prompt is therefore a condition of its own, and its wanted state the learned value moved as the
anchor's own state moves from the templates to that prompt: with copied values, the anchor's own state there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from overpaint.backbone.forest import plant, together
from overpaint.backbone.text import TextEncoder
from overpaint.linear.precision import exact
from overpaint.methods.emcid.keys import Prompts, locate
from overpaint.methods.emcid.tasks import Task, contexts_of

__all__ = ["Aim", "aim"]


@dataclass(frozen=True)
class Aim:
    """What Stage II solves for.

    Attributes:
        prompts: of n conditions; those of one condition are averaged.
        values: (n, width) wanted states after the last edited block.
        shares: (n,) how much each condition counts; None: 1.
        group: (n,) the task of each condition; None: each has its own.
    """

    prompts: Prompts
    values: Tensor
    shares: Tensor | None = None
    group: Tensor | None = None


@torch.no_grad()
def aim(text: TextEncoder, tasks: Sequence[Task], values: Tensor, after: int, contexts: Sequence[str]) -> Aim:
    """One condition for each task, its prompts averaged; with ``contexts`` one for each prompt, T of a task's as 1 / T.

    Args:
        values: (tasks, width) learned after block ``after`` as means over each task's templates.
        contexts: further sentences with one ``{}``, for kinds of concepts that are things. One that a task's phrases
            do not fit into is left out for that task.
    """
    learned = [task.edit.prompts for task in tasks]
    if not contexts:
        return Aim(locate(text, [(own, task.source) for own, task in zip(learned, tasks, strict=True)]), values)
    every = [(*own, *contexts_of([text], task, contexts)) for own, task in zip(learned, tasks, strict=True)]
    prompts = locate(text, [(own, task.source) for own, task in zip(every, tasks, strict=True)])
    counts = [len(own) for own in every]
    anchors = exact(_anchors(text, tasks, every, after)).split(counts)
    moved = [part - part[: len(own)].mean(dim=0) for part, own in zip(anchors, learned, strict=True)]
    wanted = exact(values)[prompts.owner] + torch.cat(moved)
    shares = torch.cat([part.new_full((len(part),), 1 / len(part)) for part in anchors])
    single = replace(prompts, owner=torch.arange(len(prompts), device=prompts.owner.device), concepts=len(prompts))
    return Aim(single, wanted, shares, prompts.owner)


def _anchors(text: TextEncoder, tasks: Sequence[Task], every: Sequence[tuple[str, ...]], after: int) -> Tensor:
    """States (p, width) of what each task aims at in each of its prompts: destinations in their shares, or itself."""
    asked = [
        (prompts, concept.destination or task.source)
        for task, prompts in zip(tasks, every, strict=True)
        for concept in task.concepts
    ]
    prompts = locate(text, asked)
    groves = plant(text, prompts.ids, torch.arange(len(prompts)), prompts.last)
    states = together(groves, [grove.at_wanted(grove.run(grove.states, 0, after + 1)) for grove in groves])
    parts = iter(states.split([len(templates) for templates, _ in asked]))
    return torch.cat([torch.stack([factor * next(parts) for factor in task.factors]).sum(dim=0) for task in tasks])
