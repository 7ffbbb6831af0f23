from __future__ import annotations

import pytest
import torch

from overpaint.patch.delta import Dense, LowRank, add


def low_rank(rank: int, seed: int, out: int = 6, width: int = 10) -> LowRank:
    generator = torch.Generator().manual_seed(seed)
    return LowRank(torch.randn(out, rank, generator=generator), torch.randn(rank, width, generator=generator))


def test_product_is_taken_in_double_precision() -> None:
    up, down = torch.tensor([[1.0, 1e8, -1e8]]), torch.tensor([[1.0], [1.0], [1.0]])
    assert LowRank(up, down).matrix().item() == 1.0


def test_sum_of_low_ranks_is_low_rank() -> None:
    a, b = low_rank(2, 0), low_rank(3, 1)
    both = add(a, b)
    assert isinstance(both, LowRank)
    assert both.up.shape[1] == 5
    assert torch.allclose(both.matrix(), a.matrix() + b.matrix())


def test_sum_with_a_dense_change_is_dense() -> None:
    a, b = low_rank(2, 0), Dense(torch.randn(6, 10))
    for both in (add(a, b), add(b, a), add(b, b)):
        assert isinstance(both, Dense)
    assert torch.allclose(add(a, b).matrix(), a.matrix() + b.matrix(), atol=1e-5)


def test_sum_on_a_kernel_keeps_its_shape() -> None:
    kernel = Dense(torch.randn(6, 2, 5))
    assert add(low_rank(2, 0), kernel).shape == (6, 2, 5)


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="no product"):
        LowRank(torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="no sum"):
        add(low_rank(2, 0), low_rank(2, 0, width=11))
    with pytest.raises(ValueError, match="no sum"):
        add(Dense(torch.zeros(3)), Dense(torch.zeros(4)))


def test_scaled() -> None:
    a = low_rank(2, 0)
    assert torch.allclose(a.scaled(-0.3).matrix(), -0.3 * a.matrix(), atol=1e-6)
    assert torch.equal(Dense(torch.ones(3)).scaled(2).value, torch.full((3,), 2.0))


def test_a_delta_does_not_follow_its_source() -> None:
    source = torch.ones(3, requires_grad=True)
    delta = Dense(source)
    with torch.no_grad():
        source.zero_()
    assert delta.value.sum() == 3
    assert not delta.value.requires_grad
