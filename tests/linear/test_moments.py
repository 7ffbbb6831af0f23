from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from overpaint.linear.moments import BAND, Gathering, SecondMoment, Triangle, from_triangle, triangle


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), cuts=st.lists(st.integers(0, 50), max_size=5))
def test_streamed_equals_whole(seed: int, cuts: list[int]) -> None:
    keys = torch.randn(50, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    edges = [0, *sorted(cuts), 50]
    streamed = SecondMoment.empty(6)
    for a, b in itertools.pairwise(edges):
        streamed = streamed + SecondMoment.of(keys[a:b])
    whole = keys.mT @ keys / 50
    assert streamed.count == 50
    torch.testing.assert_close(streamed.mean, whole)


def test_single_precision_products_do_no_harm_in_quantity() -> None:
    keys = torch.randn(9000, 40, generator=torch.Generator().manual_seed(0)) + 10  # a large common part, as keys have
    exact = keys.double().mT @ keys.double()
    error = torch.linalg.matrix_norm(SecondMoment.of(keys).total - exact, ord=2)
    assert error < 1e-6 * exact.diagonal().mean()
    torch.testing.assert_close(SecondMoment.of(keys.double()).total, exact)
    assert SecondMoment.of(keys.bfloat16()).total.dtype == torch.float64


def test_merging_is_associative_and_has_a_neutral_element() -> None:
    a, b, c = (SecondMoment.of(torch.randn(n, 4, generator=torch.Generator().manual_seed(n))) for n in (3, 5, 7))
    torch.testing.assert_close(((a + b) + c).mean, (a + (b + c)).mean)
    torch.testing.assert_close((a + SecondMoment.empty(4)).mean, a.mean)


def test_weights_count_as_repetitions() -> None:
    keys = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close((SecondMoment.of(keys) * 3).total, SecondMoment.of(keys.repeat(3, 1)).total)
    assert (SecondMoment.of(keys) * 3).count == 15


def test_weighted_keys_wider_than_a_band_are_gathered_in_parts() -> None:
    keys = torch.randn(60, 2 * BAND + 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = torch.arange(60.0) / 8
    gathering = Gathering(keys.shape[1])
    for part in (slice(0, 25), slice(25, 60)):
        gathering.add(keys[part], weights[part])
    torch.testing.assert_close(gathering.moment.total, keys.mT @ weights.double().diag() @ keys)
    assert gathering.moment.count == weights.sum()


def test_a_triangle_is_the_whole_moment_to_the_bit() -> None:
    gathering, other = (Gathering(BAND + 3) for _ in range(2))
    gathering.add(torch.randn(40, BAND + 3, generator=torch.Generator().manual_seed(0)))
    other.add(torch.randn(20, BAND + 3, generator=torch.Generator().manual_seed(1)))
    whole, kept = gathering.moment, gathering.triangle
    assert torch.equal(whole.total, whole.total.mT)
    assert torch.equal(kept.total, whole.total)
    assert torch.equal(triangle(whole.total), kept.numbers)
    assert torch.equal(from_triangle(kept.numbers), whole.total.triu())
    weighted = kept + other.triangle * 0.3
    assert torch.equal(weighted.mean, (whole + other.moment * 0.3).mean)
    assert weighted.count == 46


def test_nothing_has_no_mean() -> None:
    for nothing in (SecondMoment.empty(3), Triangle(torch.zeros(6), 0.0)):
        with pytest.raises(ValueError, match="no keys"):
            _ = nothing.mean
