"""What gates learn from: tokens at which each must open, what it must add there, and tokens at which all stay shut."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.backbone.text import TextEncoder
from overpaint.methods.emcid.keys import located
from overpaint.methods.emcid.tasks import Task
from overpaint.methods.gates.pairs import Met
from overpaint.methods.gates.tails import distances, look

__all__ = ["Others", "Own", "others", "own"]

MOST = 8_000
"""Tokens of each sort at which gates are to stay shut: more of them tell little more, and take as long."""


@dataclass(frozen=True)
class Own:
    """The n concepts' own tokens (m).

    Attributes:
        inputs: (m, width) of the feed-forward layer.
        missing: (m, width), what the block must add for the destination's state, or to go past it.
        owner: (m,) whose they are, from 0 to n - 1.
        before: (k, width) inputs at tokens before these, where all gates stay shut.
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


def own(text: TextEncoder, pairs: Sequence[Met], block: int) -> Own:
    """Tokens of each source's prompts at which its gate opens, and what each lacks of the prompt's goal.

    Tokens before the end belong to those as far before the goal's end: what follows a style is the same in both.
    """
    owner = [pair.task for pair in pairs]
    mine = located(text, [pair.subject for pair in pairs], owner)
    goal = located(text, [pair.goal for pair in pairs], owner)
    row, far = _open(pairs, mine.ids.shape[1])
    seen = look(text, mine.ids, row, mine.end[row] + far, block)
    wanted = look(text, goal.ids, row, (goal.end[row] + far).clamp(min=1), block).states
    first, way = (
        torch.tensor([getattr(pair, name) for pair in pairs], device=mine.end.device) for name in ("first", "way")
    )
    before = _thinned(_before(first))
    return Own(
        seen.inputs,
        way[row, None].to(wanted) * (wanted - seen.states),
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


def _open(pairs: Sequence[Met], window: int) -> tuple[Tensor, Tensor]:
    """Rows (m,) and distances (m,) from their end tokens at which gates open, where both prompts of a pair are."""
    end = torch.tensor([max(pair.subject.end, pair.goal.end) for pair in pairs])
    row, far = _behind(end, window)
    earlier = [(at, first) for at, pair in enumerate(pairs) for first in range(pair.first - pair.subject.end, 0)]
    if not earlier:
        return row, far
    more = torch.tensor(earlier, device=row.device).unbind(dim=1)
    return torch.cat([row, more[0]]), torch.cat([far, more[1]])


def _behind(end: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Rows (m,) and distances (m,) behind their end tokens at which they are met."""
    pairs = [(row, far) for row, stop in enumerate(end.tolist()) for far in distances(window - 1 - stop)]
    row, far = torch.tensor(pairs, device=end.device).unbind(dim=1)
    return row, far


def _before(end: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and positions of all tokens before given ones (n,)."""
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
