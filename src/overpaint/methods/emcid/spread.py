"""Values in many sentences: what Stage II aims at where a phrase stands among other words than those of its templates.

A key moves with the words before the phrase, so a change that is solved for mean keys reaches less than its value in
any one sentence. Each prompt is therefore a condition of its own, and its wanted state the learned value moved as the
anchor's own state moves from the templates to that prompt: with copied values, the anchor's own state there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from overpaint.backbone.forest import states_at
from overpaint.backbone.text import TextEncoder
from overpaint.linear.precision import exact
from overpaint.methods.emcid.config import Positions
from overpaint.methods.emcid.keys import Prompts, locate, located
from overpaint.methods.emcid.positions import Condition, further, states_of
from overpaint.methods.emcid.stage_two import Aim
from overpaint.methods.emcid.tasks import Task, contexts_of

__all__ = ["aim", "sources"]


@torch.no_grad()
def aim(
    text: TextEncoder,
    tasks: Sequence[Task],
    values: Tensor,
    after: int,
    contexts: Sequence[str],
    positions: Positions = "last",
) -> Aim:
    """One condition for each task, its prompts averaged; with ``contexts`` one for each prompt, T of a task's as 1 / T.

    Args:
        values: (tasks, width) learned after block ``after`` as means over each task's templates.
        contexts: further sentences with one ``{}``, for kinds of concepts that are things. One that a task's phrases
            do not fit into is left out for that task.
        positions: at which tokens there are conditions beside the last one of the phrase; see `positions.further`.
    """
    learned = [task.edit.prompts for task in tasks]
    every = [(*own, *contexts_of([text], task, contexts)) for own, task in zip(learned, tasks, strict=True)]
    aimed = _at_last(text, tasks, values, after, every) if contexts else _averaged(text, tasks, values)
    aimed = _insisted(text, tasks, aimed)
    conditions = further(text, tasks, every, positions)
    return _joined(text, aimed, conditions, states_of(text, conditions, after)) if conditions else aimed


def _averaged(text: TextEncoder, tasks: Sequence[Task], values: Tensor) -> Aim:
    return Aim(sources(text, tasks, [task.edit.prompts for task in tasks]), values)


def _at_last(
    text: TextEncoder, tasks: Sequence[Task], values: Tensor, after: int, every: Sequence[tuple[str, ...]]
) -> Aim:
    learned = [task.edit.prompts for task in tasks]
    prompts = sources(text, tasks, every)
    counts = [len(own) for own in every]
    anchors = exact(_anchors(text, tasks, every, after)).split(counts)
    moved = [part - part[: len(own)].mean(dim=0) for part, own in zip(anchors, learned, strict=True)]
    values = exact(values)
    task = prompts.owner.to(values.device)
    wanted = values[task] + torch.cat(moved)
    shares = torch.cat([part.new_full((len(part),), 1 / len(part)) for part in anchors])
    single = replace(prompts, owner=torch.arange(len(prompts), device=prompts.owner.device), concepts=len(prompts))
    return Aim(single, wanted, shares, task)


def _insisted(text: TextEncoder, tasks: Sequence[Task], aimed: Aim) -> Aim:
    """With each task's conditions counted as often as it says."""
    counts = [dict(task.insisted).get(text.name, 1.0) for task in tasks]
    if all(count == 1 for count in counts):
        return aimed
    every = exact(aimed.values).new_tensor(counts)
    own = every if aimed.group is None else every[aimed.group]
    return replace(aimed, shares=own if aimed.shares is None else aimed.shares * own)


def _joined(text: TextEncoder, aimed: Aim, conditions: Sequence[Condition], wanted: Tensor) -> Aim:
    """With further conditions behind; each is a group of its own, as nothing says what a sentence adds to it."""
    prompts, values = aimed.prompts, exact(aimed.values)
    more = located(text, [condition.found for condition in conditions], range(len(conditions)))
    shares = values.new_tensor([condition.share for condition in conditions])
    before = shares.new_ones(prompts.concepts) if aimed.shares is None else aimed.shares
    groups = torch.arange(prompts.concepts, device=values.device) if aimed.group is None else aimed.group
    return Aim(
        prompts.joined(more),
        torch.cat([values, wanted]),
        torch.cat([before, shares]),
        torch.cat([groups, int(groups.max()) + 1 + more.owner.to(groups.device)]),
    )


def sources(text: TextEncoder, tasks: Sequence[Task], every: Sequence[Sequence[str]]) -> Prompts:
    """Each task's source in its prompts, up to where its value stands."""
    asked = [(own, task.source) for own, task in zip(every, tasks, strict=True)]
    return locate(text, asked, [task.early.get(text.name, 0) for task in tasks])


def _anchors(text: TextEncoder, tasks: Sequence[Task], every: Sequence[tuple[str, ...]], after: int) -> Tensor:
    """States (p, width) of what each task aims at in each of its prompts: destinations in their shares, or itself."""
    asked = [
        (prompts, concept.destination or task.source)
        for task, prompts in zip(tasks, every, strict=True)
        for concept in task.concepts
    ]
    prompts = locate(text, asked)
    states = states_at(text, prompts.ids, torch.arange(len(prompts)), prompts.last, after)
    parts = iter(states.split([len(templates) for templates, _ in asked]))
    return torch.cat([torch.stack([factor * next(parts) for factor in task.factors]).sum(dim=0) for task in tasks])
