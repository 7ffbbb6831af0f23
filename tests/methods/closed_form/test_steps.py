"""Factors that are tried next, against sources whose answers are known."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from overpaint.methods.closed_form.steps import INSIDE, NARROW, walk

Answer = Callable[[float], float]
"""Share of the first destination, by the difference of the factors."""

HALF = (0.5, 0.5)


def logistic(steepness: float, middle: float) -> Answer:
    return lambda difference: 1 / (1 + math.exp(-steepness * (difference - middle)))


def terraced(edge: float) -> Answer:
    """Hardly anything for long, then all at once: as sources of the bundled model answer."""
    return lambda difference: (
        0.2 + 0.02 * difference if difference < edge else min(1.0, 0.4 + 1.5 * (difference - edge))
    )


def tried(answer: Answer, wanted: tuple[float, float] = HALF, count: int = 12, near: float = 0.05) -> list[float]:
    """The differences that are tried until the share is near."""
    steps = walk(wanted, (0.0, 0.0), 4.0, 8.0)
    first, second = next(steps)
    found: list[float] = []
    while len(found) < count:
        found.append(first - second)
        share = answer(first - second)
        if abs(share - wanted[0]) <= near:
            break
        first, second = steps.send((share, 1 - share))
    return found


@pytest.mark.parametrize(("steepness", "middle"), [(0.4, 5.0), (0.4, -9.0), (3.0, 2.0), (20.0, -1.0), (8.0, 7.7)])
def test_sources_that_answer_gently_or_suddenly_are_brought_to_their_shares(steepness: float, middle: float) -> None:
    answer = logistic(steepness, middle)
    for wanted in (HALF, (0.2, 0.8)):
        found = tried(answer, wanted)
        assert answer(found[-1]) == pytest.approx(wanted[0], abs=0.05)
        assert len(found) <= 10


def test_terraces_are_climbed_where_steps_alone_swing_to_and_fro() -> None:
    edges = [2.0 + 0.25 * number for number in range(25)]
    sought = [len(tried(terraced(edge), count=40)) for edge in edges]
    # by the rule for three destinations and more, on the same answers
    stepped = []
    for edge in edges:
        steps = walk((0.5, 0.5, 0.0), (0.0, 0.0, 0.0), 4.0, 8.0)
        factors, number = next(steps), 1
        while number < 40 and abs((share := terraced(edge)(factors[0] - factors[1])) - 0.5) > 0.05:
            factors, number = steps.send((share, 1 - share, 0.0)), number + 1
        stepped.append(number)
    assert max(sought) <= 10
    assert sum(stepped) > 1.5 * sum(sought)


def test_once_it_lies_between_two_counts_the_share_is_sought_there() -> None:
    found = tried(logistic(20.0, 1.0), near=0.0)
    low, high = found[0], next(difference for difference in found if difference > 1)
    for number, difference in enumerate(found[found.index(high) + 1 :]):
        if high - low < 2 * NARROW:
            assert number > 2
            return
        part = (difference - low) / (high - low)
        assert INSIDE - 1e-9 <= part <= 1 - INSIDE + 1e-9
        low, high = (difference, high) if difference < 1 else (low, difference)
    pytest.fail("the bracket never became narrow")


def test_a_share_that_others_have_moved_is_sought_anew() -> None:
    steps = walk(HALF, (0.0, 0.0), 4.0, 8.0)
    first, second = next(steps)
    for number in range(30):
        share = logistic(2.0, 1.0 if number < 8 else 4.0)(first - second)
        if number >= 8 and abs(share - 0.5) <= 0.05:
            break
        first, second = steps.send((share, 1 - share))
    assert 8 < number < 24
    assert first - second == pytest.approx(4.0, abs=0.2)


def test_what_does_not_answer_ends_at_the_limit_and_stays_there() -> None:
    steps = walk(HALF, (3.0, -1.0), 4.0, 5.0)
    tries = [next(steps), *(steps.send((0.1, 0.9)) for _ in range(6))]
    assert tries[0] == (3.0, -1.0)
    assert tries[-1] == tries[-2] == (5.0, -3.0)
    assert all(abs(factor) <= 5.0 for pair in tries for factor in pair)
    assert next(walk(HALF, (9.0, -9.0), 4.0, 5.0)) == (5.0, -5.0)


def test_of_three_destinations_each_is_moved_by_what_it_lacks() -> None:
    steps = walk((0.5, 0.3, 0.2), (0.0, 0.0, 0.0), 2.0, 8.0)
    assert next(steps) == (0.0, 0.0, 0.0)
    assert steps.send((0.3, 0.3, 0.4)) == pytest.approx((0.4, 0.0, -0.4))
    # the same is missing still: twice the step; overshot: half of it
    assert steps.send((0.4, 0.3, 0.3)) == pytest.approx((0.8, 0.0, -0.8))
    assert steps.send((0.6, 0.3, 0.1)) == pytest.approx((0.6, 0.0, -0.6))
