from __future__ import annotations

import math

import pytest

from overpaint.methods.emcid.balance import balance


def softmax(logits: list[float]) -> list[float]:
    total = sum(math.exp(x) for x in logits)
    return [math.exp(x) / total for x in logits]


def test_two_destinations_are_bisected() -> None:
    """A model that draws women only when their factor is well above a half."""
    seen = []

    def ratio(factors: tuple[float, ...]) -> list[float]:
        seen.append(factors)
        woman = 1 / (1 + math.exp(-12 * (factors[0] - 0.7)))
        return [woman, 1 - woman]

    found = balance(ratio, [0.5, 0.5], tolerance=0.02)
    assert seen[0] == (0.5, 0.5)
    assert found.factors[0] == pytest.approx(0.7, abs=0.02)
    assert found.error <= 0.02
    assert found.rounds == len(seen) <= 8


def test_three_destinations_are_corrected_multiplicatively() -> None:
    bias = [2.0, 0.0, -1.0]

    def ratio(factors: tuple[float, ...]) -> list[float]:
        return softmax([b + 1.5 * math.log(f) for b, f in zip(bias, factors, strict=True)])

    found = balance(ratio, [0.2, 0.3, 0.5], tolerance=0.01, rounds=30)
    assert found.error <= 0.01
    assert sum(found.factors) == pytest.approx(1)


def test_the_best_measured_factors_are_returned_not_the_last() -> None:
    answers = iter([[0.6, 0.4], [0.1, 0.9], [0.2, 0.8]])
    found = balance(lambda factors: next(answers), [0.5, 0.5], tolerance=0.0, rounds=3)
    assert found.factors == (0.5, 0.5)
    assert found.measured == (0.6, 0.4)
    assert found.rounds == 3


def test_a_destination_that_never_shows_up_gets_more() -> None:
    def ratio(factors: tuple[float, ...]) -> list[float]:
        return [0.0, 0.5, 0.5] if factors[0] < 0.6 else [0.34, 0.33, 0.33]

    assert balance(ratio, [0.34, 0.33, 0.33], rounds=10).error < 0.02


@pytest.mark.parametrize("shares", [[1.0], [0.5, 0.6], [-0.1, 1.1]])
def test_impossible_shares_are_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        balance(lambda factors: factors, shares)
