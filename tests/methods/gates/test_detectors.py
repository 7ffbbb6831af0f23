"""Scores: near 1 for a concept's own tokens, and below the threshold for all others."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from overpaint.methods.gates.config import GatesConfig
from overpaint.methods.gates.detectors import detectors
from overpaint.methods.gates.examples import Others, Own

CONCEPTS, WIDTH, EACH = 60, 32, 6


class World(NamedTuple):
    own: Own
    others: Others


def world() -> World:
    """Twice as many concepts as directions, and as many others, in noise that is the same for all."""
    g = torch.Generator().manual_seed(0)
    means = torch.randn(2 * CONCEPTS, WIDTH, generator=g)

    def tokens(first: int) -> Tensor:
        chosen = means[first : first + CONCEPTS].repeat_interleave(EACH, dim=0)
        return chosen + 0.1 * torch.randn(len(chosen), WIDTH, generator=g)

    owner = torch.arange(CONCEPTS).repeat_interleave(EACH)
    mine, shut = tokens(0), tokens(CONCEPTS)
    own = Own(
        mine, torch.zeros_like(mine), owner, shut[:0], torch.arange(CONCEPTS), torch.zeros(CONCEPTS, dtype=torch.bool)
    )
    return World(own, Others(shut, torch.zeros(len(shut), CONCEPTS, dtype=torch.bool)))


def test_more_concepts_than_directions_are_told_apart() -> None:
    own, others = world()
    found = detectors(own, others, CONCEPTS, GatesConfig())
    scores = found.scores(own.inputs)
    place = torch.arange(len(scores)), own.owner
    assert scores[place].min() > 0.7
    scores[place] = 0
    assert scores.max() < 0.45
    assert found.scores(others.inputs).max() < 0.45


def test_training_leaves_less_open_than_the_discriminant_alone() -> None:
    own, others = world()
    first, trained = (
        detectors(own, others, CONCEPTS, GatesConfig(steps=steps)).scores(others.inputs) for steps in (0, 80)
    )
    assert (trained - 0.1).relu().square().sum() < 0.5 * (first - 0.1).relu().square().sum()


def test_prompts_that_name_a_concept_say_nothing_of_its_gate() -> None:
    own, others = world()
    named = others.named.clone()
    named[:EACH, 3] = True
    moved = Others(torch.cat([own.inputs[own.owner == 3], others.inputs[EACH:]]), named)
    ignored = detectors(own, moved, CONCEPTS, GatesConfig(own=1.0))
    heard = detectors(own, Others(moved.inputs, others.named), CONCEPTS, GatesConfig(own=1.0))
    mine = own.inputs[own.owner == 3]
    assert ignored.scores(mine)[:, 3].min() > 0.5 > heard.scores(mine)[:, 3].max()
