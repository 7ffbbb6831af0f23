"""What gates learn from: tokens at which each must open, what it must add there, and tokens at which all stay shut."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.backbone.subject import Subject
from overpaint.backbone.text import TextEncoder
from overpaint.methods.emcid.keys import Prompts, locate, located
from overpaint.methods.emcid.tasks import Task
from overpaint.methods.gates.tails import distances, look

__all__ = ["Others", "Own", "others", "own"]

MOST = 8_000
"""Tokens of each sort at which gates are to stay shut: more of them tell little more, and take as long."""


@dataclass(frozen=True)
class Own:
    """The n concepts' own tokens (m).

    Attributes:
        inputs: (m, width) of the feed-forward layer.
        missing: (m, width), what the block must add for the destination's state.
        owner: (m,) whose they are, from 0 to n - 1.
        before: (k, width) inputs at tokens before the end, where all gates stay shut.
    """

    inputs: Tensor
    missing: Tensor
    owner: Tensor
    before: Tensor


@dataclass(frozen=True)
class Others:
    """Tokens (q) of other prompts.

    Attributes:
        inputs: (q, width) of the feed-forward layer.
        named: (q, n), which concepts' names stand in the prompt: it says nothing of their gates.
    """

    inputs: Tensor
    named: Tensor


def own(text: TextEncoder, tasks: Sequence[Task], contexts: Sequence[tuple[str, ...]], block: int) -> Own:
    """Tails of each source's prompts, in its templates and ``contexts``, and what each lacks of its destination's."""
    every = [(*task.edit.prompts, *more) for task, more in zip(tasks, contexts, strict=True)]
    mine = locate(text, [(templates, task.source) for task, templates in zip(tasks, every, strict=True)])
    pairs = [(task, template) for task, templates in zip(tasks, every, strict=True) for template in templates]
    found = [_goal(text, task, template) for task, template in pairs]
    goal = located(text, found, range(len(found)))
    row, far = _tails(text, mine, goal)
    seen = look(text, mine.ids, row, mine.end[row] + far, block)
    wanted = look(text, goal.ids, row, goal.end[row] + far, block).states
    before = _thinned(_before(mine.end))
    return Own(
        seen.inputs,
        wanted - seen.states,
        mine.owner[row],
        look(text, mine.ids, *before, block).inputs,
    )


def others(
    text: TextEncoder, tasks: Sequence[Task], captions: Sequence[str], preserve: Sequence[str], block: int
) -> Others:
    """Tokens of the empty prompt, of preserved names in the plan's templates, and of captions, thinned out."""
    templates = dict.fromkeys(template for task in tasks for template in task.edit.prompts)
    kept = [text.locate(template, name).prompt for name in preserve for template in templates]
    prompts = ["", *kept, *captions]
    ids = text.tokenize(prompts)
    end = text.end_positions(ids)
    row, far = _behind(end, ids.shape[1])
    asked = row <= len(kept)
    position = end[row] + far
    parts = [(row[asked], position[asked]), _thinned((row[~asked], position[~asked]), 2 * MOST), _thinned(_before(end))]
    row, position = (torch.cat(column) for column in zip(*parts, strict=True))
    named = torch.cat([torch.zeros(1 + len(kept), len(tasks), dtype=torch.bool), _named(captions, tasks)])
    return Others(look(text, ids, row, position, block).inputs, named[row.cpu()].to(ids.device))


def _goal(text: TextEncoder, task: Task, template: str) -> Subject:
    """What a prompt is to become: that of the destination; without one, what is left of it without a subject."""
    destination = task.concepts[0].destination
    return text.locate_empty(template) if destination is None else text.locate(template, destination)


def _tails(text: TextEncoder, mine: Prompts, goal: Prompts) -> tuple[Tensor, Tensor]:
    """Rows and distances behind the end that both prompts of a pair have."""
    return _behind(torch.maximum(mine.end, goal.end), mine.ids.shape[1])


def _behind(end: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Rows (m,) and distances (m,) behind their end tokens at which they are met."""
    pairs = [(row, far) for row, stop in enumerate(end.tolist()) for far in distances(window - 1 - stop)]
    row, far = torch.tensor(pairs, device=end.device).unbind(dim=1)
    return row, far


def _before(end: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and positions of all tokens before the end ones."""
    row, position = (torch.arange(int(end.max()), device=end.device) < end[:, None]).nonzero().unbind(dim=1)
    return row, position


def _thinned(tokens: tuple[Tensor, Tensor], most: int = MOST) -> tuple[Tensor, Tensor]:
    """Every so manieth of the tokens."""
    chosen = torch.linspace(0, len(tokens[0]) - 1, min(most, len(tokens[0]))).round().long()
    return tokens[0][chosen], tokens[1][chosen]


def _named(captions: Sequence[str], tasks: Sequence[Task]) -> Tensor:
    """Which sources stand in which captions as whole words (captions, n)."""
    said = [_words(caption) for caption in captions]
    names = [_words(task.source) for task in tasks]
    return torch.tensor([[name in caption for name in names] for caption in said]).view(len(said), len(names))


def _words(text: str) -> str:
    words = re.findall(r"\w+", text.casefold())
    return f" {' '.join(words)} "
