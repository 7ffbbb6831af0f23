"""Units that are given up are those that are missed least, and the others do what they did."""

from __future__ import annotations

import pytest
import torch

from overpaint.methods.gates.units import give_up


def keys_of(width: int, count: int = 400) -> torch.Tensor:
    """Correlated keys (count, width), as those of a layer that is wider than what it reads."""
    g = torch.Generator().manual_seed(0)
    few = torch.randn(count, width // 2, generator=g, dtype=torch.float64)
    return (few @ torch.randn(width // 2, width, generator=g, dtype=torch.float64)).relu()


def test_the_others_take_over_by_least_squares() -> None:
    keys = keys_of(24)
    weight = torch.randn(5, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    moment = keys.mT @ keys / len(keys)
    chosen, new = give_up(weight, 6, lambda: moment)
    left = [unit for unit in range(24) if unit not in chosen.tolist()]
    best = torch.linalg.lstsq(keys[:, left], keys @ weight.mT).solution.mT
    assert new[:, chosen].abs().max() == 0
    torch.testing.assert_close(new[:, left], best, rtol=1e-6, atol=1e-8)
    crude = (keys[:, chosen] @ weight[:, chosen].mT).square().mean()
    assert (keys @ (new - weight).mT).square().mean() < 0.5 * crude


def test_the_unit_that_is_missed_least_goes_first() -> None:
    keys, g = keys_of(12), torch.Generator().manual_seed(2)
    weight = torch.randn(3, 12, generator=g, dtype=torch.float64)
    moment = keys.mT @ keys / len(keys)

    def error(unit: int) -> float:
        rest = [other for other in range(12) if other != unit]
        fitted = torch.linalg.lstsq(keys[:, rest], keys @ weight.mT).solution
        return float((keys[:, rest] @ fitted - keys @ weight.mT).square().mean())

    chosen, _ = give_up(weight, 1, lambda: moment)
    assert chosen.tolist() == [min(range(12), key=error)]


def test_units_that_nothing_reads_go_without_a_moment() -> None:
    weight = torch.randn(3, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    weight[:, [2, 5, 6]] = 0

    def never() -> torch.Tensor:
        pytest.fail("no moment is needed")

    chosen, new = give_up(weight, 2, never)
    assert chosen.tolist() == [2, 5]
    assert torch.equal(new, weight)
