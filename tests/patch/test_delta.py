from __future__ import annotations

import itertools

import pytest
import torch

from overpaint.patch.delta import Delta, Dense, LowRank, Mapped, add
from tests.patch.examples import matrix_of


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
    assert torch.allclose(matrix_of(add(a, b)), a.matrix() + b.matrix(), atol=1e-5)


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


def square(seed: int, rank: int = 2, width: int = 10) -> LowRank:
    return low_rank(rank, seed, width, width)


BASE = torch.randn(6, 10, generator=torch.Generator().manual_seed(7))


def test_a_map_changes_what_the_layer_reads() -> None:
    delta, x = Mapped(square(0)), torch.randn(10, 3, dtype=torch.float64)
    expected = BASE.double() @ (x + square(0).matrix() @ x)
    assert torch.allclose((BASE.double() + delta.of(BASE)) @ x, expected)
    assert delta.shape == (-1, 10)
    assert delta.fits((5, 10))
    assert not delta.fits((10, 5))
    assert not delta.fits((6, 5, 2))


def test_a_map_is_as_low_rank_in_every_layer() -> None:
    for delta in (Mapped(square(0)), Mapped(square(0), low_rank(3, 1))):
        plain = delta.plain(BASE)
        assert isinstance(plain, LowRank)
        assert plain.up.shape[1] == 2 + (3 if delta.rest else 0)
        assert torch.allclose(plain.matrix(), delta.of(BASE), atol=1e-5)
    assert isinstance(Mapped(Dense(square(0).matrix())).plain(BASE), Dense)


def test_sums_with_maps_are_sums_of_the_changes() -> None:
    plain, dense, mapped = low_rank(2, 0), Dense(torch.randn(6, 10)), Mapped(square(1), low_rank(1, 2))
    changes: list[Delta] = [plain, dense, mapped, Mapped(Dense(square(3).matrix()))]
    for a, b in itertools.combinations(changes, 2):
        assert torch.allclose(add(a, b).of(BASE), a.of(BASE) + b.of(BASE), atol=1e-5)
        assert torch.allclose(add(b, a).of(BASE), a.of(BASE) + b.of(BASE), atol=1e-5)
    both = add(Mapped(square(0)), Mapped(square(1)))
    assert isinstance(both, Mapped)
    assert isinstance(both.map, LowRank)
    assert torch.allclose(mapped.scaled(-0.5).of(BASE), -0.5 * mapped.of(BASE), atol=1e-6)


def test_maps_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="square"):
        Mapped(low_rank(2, 0))
    with pytest.raises(ValueError, match="does not fit"):
        Mapped(square(0), low_rank(2, 0, width=11))
