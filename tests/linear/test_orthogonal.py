"""Procrustes rotations."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from overpaint.linear.orthogonal import rotation


def draw(n: int, seed: int, width: int = 12) -> Tensor:
    return torch.randn(width, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


EYE = torch.eye(12, dtype=torch.float64)


@pytest.mark.parametrize("n", [1, 3, 20])
def test_it_is_orthogonal_and_the_best_of_its_kind(n: int) -> None:
    a, b, p = draw(n, 0), draw(n, 1), draw(2, 2)
    q = EYE + rotation(a, b, 0.3, p).matrix
    torch.testing.assert_close(q.mT @ q, EYE, atol=1e-12, rtol=0)

    def cost(q: Tensor) -> Tensor:
        return (q @ a - b).square().sum() + (q @ p - p).square().sum() + 0.3 * (q - EYE).square().sum()

    for seed in range(20):
        skew = 0.02 * draw(12, seed + 9)
        assert cost(q) < cost(torch.linalg.matrix_exp(skew - skew.mT) @ q)


def test_a_vector_turns_onto_its_target_and_what_is_orthogonal_to_both_stays() -> None:
    basis = torch.linalg.qr(draw(12, 5)).Q
    a, b, rest = 3 * basis[:, :1], 2 * basis[:, 1:2], basis[:, 2:]
    change = rotation(a, b, 1e-9)
    torch.testing.assert_close(a + change.matrix @ a, 3 * basis[:, 1:2], atol=1e-8, rtol=0)
    assert (change.matrix @ rest).abs().max() < 1e-12


def test_the_weight_of_staying_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        rotation(draw(1, 0), draw(1, 1), 0.0)
