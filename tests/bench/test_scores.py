from __future__ import annotations

import math

import numpy as np
import pytest

from overpaint.bench.scores import Score, change, mean, ratio


def test_the_interval_holds_the_true_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        score = mean(rng.binomial(1, 0.7, size=100).astype(float), seed=trial)
        hits += score.low <= 0.7 <= score.high
    assert 180 <= hits <= 199  # 95 % of 200, give or take


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(1).random(50)
    assert mean(values, seed=3) == mean(values, seed=3)
    assert mean(values, seed=3) != mean(values, seed=4)


def test_unknown_values_are_counted_and_left_out() -> None:
    score = mean([0.5, math.nan, 0.7])
    assert score.value == pytest.approx(0.6)
    assert (score.count, score.missing) == (2, 1)


def test_nothing_measured_is_no_figure() -> None:
    score = mean([math.nan, math.nan])
    assert math.isnan(score.value)
    assert (score.count, score.missing) == (0, 2)
    assert str(score) == "-"
    assert score.to_data()["value"] is None


def test_pairs_stay_together() -> None:
    """A constant ratio of wildly different values has no spread, which unpaired resampling would not see."""
    below = np.array([0.1, 0.9, 0.5, 0.01])
    score = ratio(0.5 * below, below)
    assert (score.value, score.low, score.high) == pytest.approx((0.5, 0.5, 0.5))
    lost = change(0.9 * below, below)
    assert (lost.value, lost.low, lost.high) == pytest.approx((-0.1, -0.1, -0.1))


def test_a_pair_with_one_unknown_is_missing_as_a_whole() -> None:
    score = ratio([0.2, 0.4], [math.nan, 0.8])
    assert score.value == pytest.approx(0.5)
    assert (score.count, score.missing) == (1, 1)


def test_a_ratio_to_nothing_is_no_figure() -> None:
    assert math.isnan(ratio([0.1, 0.2], [0.0, 0.0]).value)


def test_columns_of_different_lengths_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="lengths: 1, 2"):
        ratio([0.1], [0.1, 0.2])


def test_reads_with_count_and_interval() -> None:
    assert str(Score(0.9128, 0.9, 0.93, 1548)) == "0.913 [0.900, 0.930] n=1548"


def test_one_value_alone_has_no_interval_but_keeps_its_ends_in_files() -> None:
    alone = mean([0.7])
    assert alone.interval is None
    assert str(alone) == "0.700 n=1"
    assert alone.to_data() == {"value": 0.7, "low": 0.7, "high": 0.7, "count": 1, "missing": 0}
    assert mean([0.7, 0.7]).interval == pytest.approx((0.7, 0.7))
    assert mean([math.nan]).interval is None
