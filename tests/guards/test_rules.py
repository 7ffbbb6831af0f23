"""The published formulas by hand, on single numbers."""

from __future__ import annotations

import pytest
import torch

from overpaint.guards import NegativePrompt, SafeGuidance
from overpaint.guards.rules import Momentum, safety_term


def one(value: float) -> torch.Tensor:
    return torch.full((1, 1, 1, 1), value)


@pytest.mark.parametrize(
    ("along", "avoided", "expected"),
    [
        (0.5, 0.6, 0.6 - 0.1),  # below the threshold, far enough for full weight
        (0.5, 0.5005, 0.05 * (0.5005 - 0.1)),  # near: a weight of |difference| * 100
        (0.5, 0.499, 0.1 * (0.499 - 0.1)),  # above zero but below the threshold counts as well
        (0.5, 0.4, 0.0),  # the prompt is further along than the concept: left alone
    ],
)
def test_the_safety_term(along: float, avoided: float, expected: float) -> None:
    found = safety_term(one(0.1), one(along), one(avoided), scale=100.0, threshold=0.01)
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_momentum_builds_up_during_warmup_and_acts_after_it() -> None:
    rule = SafeGuidance("x", warmup=2, scale=1e6, threshold=1.0, momentum=0.3, decay=0.4)
    memory, gammas = Momentum(), []
    for _ in range(4):
        without, along = rule.bend(one(0.0), one(0.0), one(1.0), memory)
        memory.step += 1
        assert without.item() == 0
        gammas.append(-along.item())
    gamma, mean, expected = 1.0, 0.0, []
    for _ in range(4):
        gamma = 1.0 + 0.3 * mean
        mean = 0.4 * mean + 0.6 * gamma
        expected.append(gamma)
    assert gammas == pytest.approx([0.0, 0.0, *expected[2:]])


def test_a_negative_prompt_leaves_predictions_as_they_are() -> None:
    assert NegativePrompt("x").bend(one(1.0), one(2.0), None, Momentum()) == (one(1.0), one(2.0))
