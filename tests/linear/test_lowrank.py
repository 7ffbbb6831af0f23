from __future__ import annotations

import torch

from overpaint.linear.lowrank import Factors, compress, join


def factors(out: int, rank: int, width: int, seed: int = 0) -> Factors:
    g = torch.Generator().manual_seed(seed)
    return Factors(torch.randn(out, rank, generator=g), torch.randn(rank, width, generator=g))


def test_joining_adds_matrices() -> None:
    a, b = factors(4, 2, 6, 1), factors(4, 3, 6, 2)
    torch.testing.assert_close(join([a, b]).matrix, a.matrix + b.matrix)


def test_compression_keeps_the_matrix_and_finds_its_rank() -> None:
    a = factors(6, 2, 8)
    doubled = join([a, a, Factors(-a.up, a.down)])
    small = compress(doubled, tolerance=1e-5)
    assert small.up.shape[1] == 2
    torch.testing.assert_close(small.matrix, doubled.matrix, rtol=1e-4, atol=1e-5)


def test_compression_to_a_rank_is_the_nearest() -> None:
    a = factors(6, 5, 8)
    s = torch.linalg.svdvals(a.matrix.double())
    error = (compress(a, rank=3).matrix - a.matrix).norm().double()
    torch.testing.assert_close(error, s[3:].norm(), rtol=1e-4, atol=1e-5)


def test_zero_has_rank_zero() -> None:
    none = compress(Factors(torch.zeros(3, 2), torch.randn(2, 4)))
    assert none.up.shape == (3, 0)
    assert none.matrix.shape == (3, 4)


def test_factors_are_worthwhile_only_when_thin() -> None:
    assert factors(256, 100, 1024).worthwhile
    assert not factors(256, 210, 1024).worthwhile
