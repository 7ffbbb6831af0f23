"""Where in a phrase its value can stand, and how much its conditions must count: captions hold some tokens in place.

"dragon" may end in the token that is also the "on" of every "on a red background". Their keys are alike, the second
moment C weighs them as often as captions say them, and no change of that token that the ridge problem allows is worth
the name, nor is it needed: what a phrase means has been read at its earlier tokens by then. How far a change can go at
key k is known beforehand: of a lone condition ``D k = r`` the ridge problem carries out the share

    q / (1 + q) ,   q = k^T (w C)^-1 k

(its leverage). A value stands at the last token where that share is no small part of the phrase's largest.

"woman" has one token, and captions say it often. Such conditions count c times, with which a lone one comes

    c q / (1 + c q)

of the way. What else captions say with that token changes with it, and is meant to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.forest import plant, together
from overpaint.backbone.text import TextEncoder
from overpaint.linear.precision import exact
from overpaint.linear.ridge import Penalty, alpha_weight
from overpaint.methods.captions import captions_for
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.penalties import penalties_of
from overpaint.methods.emcid.sites import edited, weights_of
from overpaint.methods.emcid.tasks import Task
from overpaint.methods.store import MemoryStore
from overpaint.plan import Plan
from overpaint.progress import Progress

__all__ = ["COUNTS", "placed", "reaches", "stand"]

COUNTS = 100.0
"""Conditions count no more than that: to move what is held harder would move everything."""


def placed(
    backbone: Backbone,
    plan: Plan,
    config: EmcidConfig,
    sites: Mapping[str, Sequence[int]],
    tasks: Sequence[Task],
    captions: Sequence[str] | None,
    store: MemoryStore,
    progress: Progress,
) -> list[Task]:
    """The tasks, their values standing where they can and insisted on where captions hold them, if that is asked for.

    ``sites``: the edited blocks, by text encoder. Second moments are gathered only if they are needed.

    Raises:
        OverpaintError: they are, and there are no captions for a model that brings none.
    """
    found = list(tasks)
    if config.reach == 0 and config.insist == 0:
        return found
    said = captions_for(backbone, config.captions, captions)
    texts = edited(backbone, plan, config)
    weights = weights_of(texts, plan, config)
    for text in texts:
        blocks = sites[text.name]
        penalty = penalties_of(backbone, text, said, blocks, config.padding, store, progress)(blocks[0])
        weight = alpha_weight(weights[text.name], config.alpha)
        found = stand(text, found, blocks[0], penalty, weight, config.reach, config.insist)
    return found


def stand(
    text: TextEncoder,
    tasks: Sequence[Task],
    block: int,
    penalty: Penalty,
    weight: float,
    least: float,
    insist: float,
) -> list[Task]:
    """The tasks, with the tokens before which `reaches` falls under ``least`` times its largest left out at the end.

    Args:
        block: the first edited one.
        penalty: second moment of its keys.
        weight: lambda of the ridge problem.
        insist: share of a lone change that conditions have to count enough for.
    """
    found = []
    for task, shares in zip(tasks, reaches(text, tasks, block, penalty, weight), strict=True):
        back = _left_out(shares, least)
        found.append(_insisted(_early(task, text.name, back), text.name, _count(shares[back], insist)))
    return found


@torch.no_grad()
def reaches(text: TextEncoder, tasks: Sequence[Task], block: int, penalty: Penalty, weight: float) -> list[list[float]]:
    """By task what share (0 to 1) of a change can be had at each token of its source, the last one first.

    Tokens are looked at in the task's first prompt: captions hold them or do not, whatever stands before the phrase.
    """
    found = [text.locate(task.edit.prompts[0], task.source) for task in tasks]
    lengths = [subject.stop - subject.start for subject in found]
    row = torch.repeat_interleave(torch.arange(len(found)), torch.tensor(lengths))
    position = torch.tensor([place for s in found for place in reversed(range(s.start, s.stop))])
    groves = plant(text, text.tokenize([subject.prompt for subject in found]), row, position)
    keys = [grove.at_wanted(text.mlp_input(grove.run(grove.states, 0, block), block, grove.run)) for grove in groves]
    leverage = penalty.whiten(exact(together(groves, keys)).mT).square().sum(dim=0) / weight
    return [share.tolist() for share in (leverage / (1 + leverage)).split(lengths)]


def _left_out(shares: Sequence[float], least: float) -> int:
    """How many last tokens to leave out."""
    return next(back for back, share in enumerate(shares) if share >= least * max(shares))


def _count(share: float, insist: float) -> float:
    """How many times a condition has to count, of which a lone change comes a share of the way."""
    odds = insist / (1 - insist)
    return 1.0 if share >= insist else min(odds * (1 - share) / max(share, 1e-9), COUNTS)


def _insisted(task: Task, encoder: str, count: float) -> Task:
    return task if count == 1 else replace(task, insisted=(*task.insisted, (encoder, count)))


def _early(task: Task, encoder: str, tokens: int) -> Task:
    if not tokens:
        return task
    concepts = tuple(replace(c, early=(*c.early, (encoder, tokens))) for c in task.concepts)
    return replace(task, concepts=concepts)
