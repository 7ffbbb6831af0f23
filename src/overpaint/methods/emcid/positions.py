"""More than one edited position: conditions at other tokens than a concept's value, for when that is not enough.

Some phrases are passed on before their last token: what later tokens read of "a person taking a bath" they have read at
"person". There the destination's own states are wanted, in the same prompt; no value is learned for them. Phrases whose
last token is held (`overpaint.methods.emcid.held`) have been passed on before it in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from overpaint.backbone.forest import states_at
from overpaint.backbone.subject import Subject
from overpaint.backbone.text import TextEncoder
from overpaint.linear.precision import exact
from overpaint.methods.emcid.config import Positions
from overpaint.methods.emcid.keys import aligned_around, aligned_tail
from overpaint.methods.emcid.tasks import Task

__all__ = ["Condition", "further", "states_of"]


@dataclass(frozen=True)
class Condition:
    """One token that is to have a state of its own.

    Attributes:
        found: the prompt that it stands in; it takes the place of the phrase's last token.
        goals: prompts, positions and shares of the destinations' states that it is made of.
        share: how much it counts.
    """

    found: Subject
    goals: tuple[tuple[str, int, float], ...]
    share: float


def further(
    text: TextEncoder, tasks: Sequence[Task], every: Sequence[Sequence[str]], positions: Positions
) -> list[Condition]:
    """Conditions at the further tokens of each task's prompts, whose templates are ``every``.

    Of a task's T prompts each counts 1 / T, at every further token of the phrase, and at all tokens behind it together.
    A task without a destination has none. One whose value stands early has those of the ``subject`` at least.
    """
    conditions: list[Condition] = []
    for task, templates in zip(tasks, every, strict=True):
        early = task.early.get(text.name, 0)
        if positions == "last" and not early:
            continue
        phrases = [concept.destination for concept in task.concepts]
        for template in templates if None not in phrases else ():
            source = text.locate(template, task.source).shortened(early)
            goals = [text.locate(template, phrase) for phrase in phrases if phrase is not None]
            ways = [_pairs(text, source, goal, positions) for goal in goals]
            common = [place for place in ways[0] if all(place in way for way in ways)]
            behind = sum(place > source.last for place in common)
            for place in common:
                made = [(g.prompt, way[place], f) for g, way, f in zip(goals, ways, task.factors, strict=True)]
                share = 1 / len(templates) / (behind if place > source.last else 1)
                conditions.append(Condition(replace(source, stop=place + 1), tuple(made), share))
    return conditions


@torch.no_grad()
def states_of(text: TextEncoder, conditions: Sequence[Condition], after: int) -> Tensor:
    """Wanted states (m, width) of conditions after block ``after``, float64."""
    asked = [(k, *goal) for k, condition in enumerate(conditions) for goal in condition.goals]
    prompts = {prompt: row for row, prompt in enumerate(dict.fromkeys(prompt for _, prompt, _, _ in asked))}
    row = torch.tensor([prompts[prompt] for _, prompt, _, _ in asked])
    position = torch.tensor([place for _, _, place, _ in asked])
    found = exact(states_at(text, text.tokenize(list(prompts)), row, position, after))
    factors = torch.tensor([factor for *_, factor in asked]).to(found)
    whose = torch.tensor([k for k, *_ in asked], device=found.device)
    return found.new_zeros(len(conditions), found.shape[1]).index_add_(0, whose, found * factors[:, None])


def _pairs(text: TextEncoder, source: Subject, goal: Subject, positions: Positions) -> dict[int, int]:
    """Where the destination's prompt has what each further token of the source's is to become.

    Tokens of phrases are counted from their ends; a longer source's first ones all become the destination's first one.
    """
    pairs = {place: max(goal.start, goal.last - (source.last - place)) for place in range(source.start, source.last)}
    if positions == "onward":
        a, b = ((one.start, one.last, one.end) for one in (source, goal))
        pairs |= {mine: other for mine, other in aligned_around(text.begin, a, b) if mine > source.last}
        length = text.window if text.padded else None
        ends = (length or source.end + 1, length or goal.end + 1)
        pairs |= dict(zip(*aligned_tail(source.end, goal.end, *ends), strict=True))
    return pairs
