"""Bases of what is left free."""

from __future__ import annotations

import torch
from torch import Tensor

from overpaint.linear.subspace import complement, null_space


def vectors(n: int, seed: int = 0, width: int = 9) -> Tensor:
    return torch.randn(width, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_complement_is_orthogonal_to_dependent_vectors_and_whole() -> None:
    v = vectors(3)
    dependent = torch.cat([v, v @ vectors(4, 1, 3)], dim=1)
    basis = complement(dependent)
    assert basis.shape == (9, 6)
    torch.testing.assert_close(basis.mT @ basis, torch.eye(6, dtype=torch.float64))
    assert (basis.mT @ dependent).abs().max() < 1e-12


def test_the_complement_inside_a_subspace_stays_inside() -> None:
    inside = torch.linalg.qr(vectors(5, 2)).Q
    basis = complement(vectors(2), inside)
    assert basis.shape == (9, 3)
    assert (basis - inside @ inside.mT @ basis).abs().max() < 1e-12
    assert (basis.mT @ vectors(2)).abs().max() < 1e-12


def test_vectors_that_are_orthogonal_to_the_subspace_take_nothing_from_it() -> None:
    whole = torch.linalg.qr(vectors(9, 3)).Q
    assert complement(30 * whole[:, :4], whole[:, 4:]).shape == (9, 5)
    assert complement(vectors(0), whole[:, 4:]).shape == (9, 5)


def test_the_null_space_sees_none_of_the_vectors() -> None:
    retained = vectors(4)
    basis = null_space(retained @ retained.mT / 4, 1e-9)
    assert basis.shape == (9, 5)
    assert (basis.mT @ retained).abs().max() < 1e-6
