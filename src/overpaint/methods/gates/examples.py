"""What gates learn from: tokens at which each must open, what it must add there, and tokens at which all stay shut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.backbone.text import TextEncoder
from overpaint.methods.emcid.keys import located
from overpaint.methods.emcid.tasks import Task
from overpaint.methods.gates.pairs import PLACES, Met
from overpaint.methods.gates.said import MOST, Said
from overpaint.methods.gates.tails import ahead, behind, look, thinned
from overpaint.methods.words.phrases import folded

__all__ = ["Others", "Own", "others", "own"]


@dataclass(frozen=True)
class Own:
    """Tokens (m) at which the n gates open.

    Attributes:
        inputs: (m, width) of the feed-forward layer.
        missing: (m, width), what the block must add for the destination's state.
        owner: (m,) the gate of each, from 0 to n - 1.
        before: (k, width) inputs at tokens before these, where all gates stay shut.
        task: (n,) whose gate each is. style: (n,) whether that is a style.
    """

    inputs: Tensor
    missing: Tensor
    owner: Tensor
    before: Tensor
    task: Tensor
    style: Tensor


@dataclass(frozen=True)
class Others:
    """Tokens (q) of other prompts.

    Attributes:
        inputs: (q, width) of the feed-forward layer.
        named: (q, n), at which gates the prompt says nothing, as it names their concepts.
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
    first, apart = (
        torch.tensor([getattr(pair, name) for pair in pairs], device=mine.end.device) for name in ("first", "apart")
    )
    before = thinned(ahead(first), MOST)
    place = _places(far, mine.end[row] + far == first[row]) * apart[row]
    served, gate = (PLACES * mine.owner[row] + place).unique(return_inverse=True)
    task = served // PLACES
    style = torch.zeros_like(task, dtype=torch.bool).index_fill_(0, gate[apart[row]].unique(), True)
    return Own(
        seen.inputs,
        wanted - seen.states,
        gate,
        look(text, mine.ids, *before, block).inputs,
        task,
        style,
    )


def others(
    text: TextEncoder,
    tasks: Sequence[Task],
    captions: Sequence[str],
    said: Said,
    preserve: Sequence[str],
    mine: Own,
    block: int,
) -> Others:
    """Tokens of the empty prompt, of preserved names in the plan's templates, and of captions, ``said`` of which."""
    templates = dict.fromkeys(template for task in tasks for template in task.edit.prompts)
    kept = [text.locate(template, name).prompt for name in preserve for template in templates]
    ids = text.tokenize(["", *kept])
    end = text.end_positions(ids)
    row, far = behind(end, ids.shape[1])
    first = thinned(ahead(end), MOST)
    read = look(text, ids, torch.cat([row, first[0]]), torch.cat([end[row] + far, first[1]]), block).inputs
    named = _named(captions, tasks).to(ids.device)[said.caption][:, mine.task]
    return Others(torch.cat([read, said.inputs]), torch.cat([named.new_zeros(len(read), named.shape[1]), named]))


def _open(pairs: Sequence[Met], window: int) -> tuple[Tensor, Tensor]:
    """Rows (m,) and distances (m,) from their end tokens at which gates open, where both prompts of a pair are."""
    end = torch.tensor([max(pair.subject.end, pair.goal.end) for pair in pairs])
    row, far = behind(end, window)
    earlier = [(at, first) for at, pair in enumerate(pairs) for first in range(pair.first - pair.subject.end, 0)]
    if not earlier:
        return row, far
    more = torch.tensor(earlier, device=row.device).unbind(dim=1)
    return torch.cat([row, more[0]]), torch.cat([far, more[1]])


def _places(far: Tensor, own: Tensor) -> Tensor:
    """Places (m,) of tokens so far from the end, which `PLACES` tells apart."""
    return torch.where(own, 0, 2 + far.sign())


def _named(captions: Sequence[str], tasks: Sequence[Task]) -> Tensor:
    """Which sources stand in which captions as whole words (captions, n)."""
    said = [f" {folded(caption)} " for caption in captions]
    names = [f" {folded(task.source)} " for task in tasks]
    return torch.tensor([[name in caption for name in names] for caption in said]).view(len(said), len(names))
