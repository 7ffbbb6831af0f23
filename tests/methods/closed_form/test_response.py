"""Curves through counts, against sources whose answers are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
import torch

from overpaint.methods.closed_form.response import DECAY, LEVEL, SLOPE, SPREAD, Count, response_to, scatter

Answer = Callable[[Sequence[float]], list[float]]
"""Shares by factors."""

HALF = (0.5, 0.5)


def answering(levels: Sequence[float], slope: float) -> Answer:
    def shares(factors: Sequence[float]) -> list[float]:
        return torch.tensor([a + slope * f for a, f in zip(levels, factors, strict=True)]).softmax(dim=0).tolist()

    return shares


def counted(answer: Answer, factors: Sequence[float], pictures: int, random: torch.Generator) -> Count:
    """Pictures by chance, each of its own."""
    drawn = torch.multinomial(torch.tensor(answer(factors)), pictures, replacement=True, generator=random)
    shares = drawn.bincount(minlength=len(factors)) / pictures
    return Count(tuple(factors), tuple(shares.tolist()), pictures)


def searched(answer: Answer, wanted: Sequence[float], rounds: int, pictures: int, seed: int) -> tuple[float, ...]:
    """The factors after so many rounds of counting."""
    random = torch.Generator().manual_seed(seed)
    factors, counts = (0.0,) * len(wanted), list[Count]()
    for _ in range(rounds):
        counts.append(counted(answer, factors, pictures, random))
        factors = response_to(counts).factors(wanted, 0.0, 20.0)
    return factors


def test_the_curve_is_the_likeliest_one() -> None:
    """Against a fine grid over a logistic curve's level and slope."""
    tried = [(-1.0, 0.12), (0.5, 0.4), (2.0, 0.8), (1.1, 0.55)]
    counts = [Count((a, -a), (share, 1 - share), 48) for a, share in tried]
    found = response_to(counts)

    def unlikely(level: float, log_slope: float) -> float:
        # of two levels that differ by this one, the likeliest pair is opposite
        total = 2 * (level / 2 / LEVEL) ** 2 / 2 + ((log_slope - SLOPE) / SPREAD) ** 2 / 2
        for age, (a, share) in zip(range(len(tried) - 1, -1, -1), tried, strict=True):
            p = 1 / (1 + math.exp(-level - 2 * math.exp(log_slope) * a))
            total -= 48 * DECAY**age * (share * math.log(p) + (1 - share) * math.log(1 - p))
        return total

    grid = [(unlikely(x / 200, y / 200), x / 200, y / 200) for x in range(-400, 400) for y in range(-300, 100)]
    _, level, log_slope = min(grid)
    assert float(found.levels[0] - found.levels[1]) == pytest.approx(level, abs=0.006)
    assert math.log(found.slope) == pytest.approx(log_slope, abs=0.006)


def test_its_factors_have_the_wanted_shares() -> None:
    counts = [Count((0.0, 0.0, 0.3), (0.6, 0.3, 0.1), 90), Count((-1.0, 0.0, 1.3), (0.3, 0.3, 0.4), 90)]
    found = response_to(counts)
    factors = found.factors((0.2, 0.5, 0.3), 0.3, 20.0)
    assert found.shares(factors).tolist() == pytest.approx([0.2, 0.5, 0.3])
    assert sum(factors) == pytest.approx(0.3)


@pytest.mark.parametrize("slope", [0.15, 0.5, 2.0, 5.0])
@pytest.mark.parametrize(
    ("levels", "wanted"), [((2.0, 0.0), HALF), ((-1.0, 1.0), (0.2, 0.8)), ((1.0, 0.0, -1.0), (0.5, 0.3, 0.2))]
)
def test_sources_that_answer_gently_or_suddenly_are_brought_to_their_shares(
    slope: float, levels: tuple[float, ...], wanted: tuple[float, ...]
) -> None:
    answer = answering(levels, slope)
    for seed in range(3):
        shares = answer(searched(answer, wanted, 11, 48, seed))
        assert shares == pytest.approx(wanted, abs=0.09)


def test_many_counts_are_nearer_than_the_best_of_them() -> None:
    """What a count of the same pictures for all rounds, corrected until it is a half, would leave by chance."""
    answer = answering((1.0, -1.0), 0.8)
    off = [answer(searched(answer, HALF, 12, 48, seed))[0] - 0.5 for seed in range(40)]
    alone = 0.5 / 96**0.5
    assert (sum(x * x for x in off) / len(off)) ** 0.5 < 0.75 * alone


def test_the_error_is_that_of_repeated_searches() -> None:
    answer, tried = answering((0.5, -0.5), 0.7), [(0.0, 0.0), (-1.0, 1.0), (-0.7, 0.7), (-0.7, 0.7)]
    at, found, errors = (-0.7, 0.7), [], []
    for seed in range(200):
        random = torch.Generator().manual_seed(seed)
        response = response_to([counted(answer, factors, 60, random) for factors in tried])
        found.append(float(response.shares(at)[0]))
        errors.append(response.error(at))
    spread = float(torch.tensor(found).std())
    assert 0.75 * spread < sum(errors) / len(errors) < 1.3 * spread


def test_counts_scatter_about_their_curves_as_much_as_something_else_moves_them() -> None:
    """A level that swings by s widens counts of n pictures of a half by the root of ``1 + n s^2 / 4``."""
    random = torch.Generator().manual_seed(7)

    def found(swing: float) -> float:
        responses = []
        for _ in range(60):
            tried = torch.randn(12, generator=random).mul(0.5).tolist()
            levels = torch.randn(12, generator=random).mul(swing).tolist()
            pairs = zip(tried, levels, strict=True)
            responses.append(
                response_to([counted(answering((level, 0.0), 0.6), (a, -a), 48, random) for a, level in pairs])
            )
        return scatter(responses)

    assert found(0.0) == pytest.approx(1.0, abs=0.1)
    assert found(0.5) == pytest.approx(2.0, abs=0.25)


def test_what_one_count_alone_says_of_scatter_is_nothing() -> None:
    assert scatter([response_to([Count((0.0, 0.0), (0.9, 0.1), 48)])] * 3) == 1.0
    assert scatter([]) == 1.0


def test_older_counts_say_less() -> None:
    """Others have moved the source since."""
    now, before = Count((0.0, 0.0), (0.5, 0.5), 100), Count((0.0, 0.0), (0.9, 0.1), 100)
    found = float(response_to([before] * 20 + [now] * 20).shares((0.0, 0.0))[0])
    assert 0.5 < found < 0.57


def test_what_does_not_answer_ends_at_the_limit() -> None:
    counts = [Count((a, -a), (0.1, 0.9), 48) for a in (0.0, 2.0, 4.0, 4.0)]
    assert response_to(counts).factors(HALF, 0.0, 4.0) == (4.0, -4.0)
    nothing = response_to([Count((0.0, 0.0), (0.0, 1.0), 48)]).factors((1.0, 0.0), 0.0, 100.0)
    assert all(math.isfinite(factor) and abs(factor) < 20 for factor in nothing)


def test_no_counts_no_curve() -> None:
    with pytest.raises(ValueError, match="no counts"):
        response_to([])
