"""Factors that are tried next, against models whose answers are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest

from overpaint.methods.emcid.balance import walk

Ratio = Callable[[tuple[float, ...]], Sequence[float]]


def walked(ratio: Ratio, shares: Sequence[float], rounds: int, tolerance: float = 0.01) -> list[tuple[float, ...]]:
    """All factors tried until the shares are near."""
    steps = walk(shares)
    tried = [next(steps)]
    while len(tried) < rounds:
        counted = tuple(ratio(tried[-1]))
        if max(abs(c - s) for c, s in zip(counted, shares, strict=True)) <= tolerance:
            break
        tried.append(steps.send(counted))
    return tried


def women_only_late(factors: tuple[float, ...]) -> list[float]:
    """A model that draws women only when their factor is well above a half."""
    woman = 1 / (1 + math.exp(-12 * (factors[0] - 0.7)))
    return [woman, 1 - woman]


def test_two_destinations_are_bisected() -> None:
    tried = walked(women_only_late, [0.5, 0.5], 10)
    assert tried[0] == (0.5, 0.5)
    assert tried[-1][0] == pytest.approx(0.7, abs=0.02)
    assert len(tried) <= 8


def test_a_bracket_that_was_closed_by_chance_opens_again() -> None:
    """One wrong count early on must not keep the search from its end."""
    lies = iter([[0.9, 0.1]])
    tried = walked(lambda factors: next(lies, None) or women_only_late(factors), [0.5, 0.5], 40)
    assert len(tried) < 40
    assert tried[-1][0] == pytest.approx(0.7, abs=0.02)


def test_a_destination_that_its_own_value_does_not_draw_gets_more_than_all() -> None:
    """The woman comes out only where the line through both values goes on behind hers, or behind the man's."""

    def late(factors: tuple[float, ...]) -> list[float]:
        return women_only_late((factors[0] - 0.6, 0.0))

    tried = walked(late, [0.5, 0.5], 12)
    assert tried[-1][0] == pytest.approx(1.3, abs=0.02)
    assert sum(tried[-1]) == pytest.approx(1)
    tried = walked(lambda factors: late((1 - factors[0], 0.0))[::-1], [0.5, 0.5], 12)
    assert tried[-1][0] == pytest.approx(-0.3, abs=0.02)


def test_the_end_is_sought_near_a_measured_start() -> None:
    steps = walk([0.5, 0.5], [0.68, 0.32])
    tried = [next(steps)[0]]
    for _ in range(3):
        tried.append(steps.send(tuple(women_only_late((tried[-1], 0.0))))[0])
    assert tried[0] == 0.68
    assert max(abs(one - 0.7) for one in tried) < 0.1


def test_an_end_is_tried_at_once_where_hardly_anything_is_drawn() -> None:
    def never(factors: tuple[float, ...]) -> list[float]:
        return women_only_late((factors[0] - 0.6, 0.0))  # .03 of what is wanted at 1

    assert [one[0] for one in walked(never, [0.5, 0.5], 3)] == [0.5, 1.0, 1.5]
    assert [one[1] for one in walked(lambda f: never(f[::-1])[::-1], [0.5, 0.5], 3)] == [0.5, 1.0, 1.5]


def test_three_destinations_are_corrected_multiplicatively() -> None:
    bias = [2.0, 0.0, -1.0]

    def ratio(factors: tuple[float, ...]) -> list[float]:
        odds = [math.exp(b + 1.5 * math.log(f)) for b, f in zip(bias, factors, strict=True)]
        return [value / sum(odds) for value in odds]

    tried = walked(ratio, [0.2, 0.3, 0.5], 30)
    assert len(tried) < 30
    assert sum(tried[-1]) == pytest.approx(1)


def test_a_destination_that_never_shows_up_gets_more() -> None:
    def ratio(factors: tuple[float, ...]) -> list[float]:
        return [0.0, 0.5, 0.5] if factors[0] < 0.6 else [0.34, 0.33, 0.33]

    assert len(walked(ratio, [0.34, 0.33, 0.33], 10)) < 10


@pytest.mark.parametrize("shares", [[1.0], [0.5, 0.6], [-0.1, 1.1]])
def test_impossible_shares_are_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        walk(shares)
