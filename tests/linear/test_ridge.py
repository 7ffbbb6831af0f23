"""The ridge solve is the minimiser it claims to be, by every route."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from overpaint.linear.ridge import alpha_weight, penalty, ridge_update


def problem(seed: int, width: int, out: int, n: int, m: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    a = torch.randn(3 * width, width, generator=g, dtype=torch.float64)
    draw = [torch.randn(*s, generator=g, dtype=torch.float64) for s in ((width, n), (out, n), (width, m))]
    return draw[0], draw[1], a.mT @ a / len(a), draw[2]


def least_squares(keys: Tensor, residual: Tensor, moment: Tensor, weight: float, protected: Tensor) -> Tensor:
    """The same objective written as one stacked least-squares problem, solved by QR."""
    root = torch.linalg.cholesky(weight * moment).mT
    rows = torch.cat([root, keys.mT, protected.mT])
    wanted = torch.zeros(len(rows), len(residual), dtype=torch.float64)
    wanted[len(root) : len(root) + keys.shape[1]] = residual.mT
    return torch.linalg.lstsq(rows, wanted, driver="gels").solution.mT


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    width=st.integers(2, 12),
    out=st.integers(1, 6),
    n=st.integers(1, 20),
    m=st.integers(0, 8),
    weight=st.floats(1e-2, 1e3),
)
def test_equals_brute_force_least_squares(seed: int, width: int, out: int, n: int, m: int, weight: float) -> None:
    keys, residual, moment, protected = problem(seed, width, out, n, m)
    c = penalty(moment)
    got = ridge_update(keys, residual, c, weight, protected)
    assert got.up.shape == (out, min(n, out))
    assert got.down.shape == (min(n, out), width)
    torch.testing.assert_close(
        got.matrix, least_squares(keys, residual, c.moment, weight, protected), rtol=1e-8, atol=1e-9
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), alpha=st.floats(0.05, 0.95), weight=st.floats(1.0, 5e3))
def test_equals_the_papers_two_parameters(seed: int, alpha: float, weight: float) -> None:
    """EMCID scales C by (1-a)/0.5, keys and residuals by sqrt(a/0.5) and solves with lambda."""
    keys, residual, moment, _ = problem(seed, 8, 5, 3)
    c = penalty(moment)
    k, r = keys * (alpha / 0.5) ** 0.5, residual * (alpha / 0.5) ** 0.5
    paper = r @ torch.linalg.solve(weight * c.moment * (1 - alpha) / 0.5 + k @ k.mT, k).mT
    torch.testing.assert_close(
        ridge_update(keys, residual, c, alpha_weight(weight, alpha)).matrix, paper, rtol=1e-8, atol=1e-12
    )


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0])
def test_degenerate_alpha_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        alpha_weight(4000.0, alpha)


def test_one_edit_moves_by_its_share() -> None:
    keys, residual, moment, _ = problem(1, 10, 4, 1)
    c = penalty(moment)
    g = float(keys[:, 0] @ torch.linalg.solve(c.moment, keys[:, 0]))
    moved = ridge_update(keys, residual, c, 7.0).matrix @ keys
    torch.testing.assert_close(moved, residual * g / (7.0 + g))


def test_both_routes_agree_where_they_meet() -> None:
    """One protected key of no length decides the route and changes nothing else."""
    keys, residual, moment, _ = problem(2, 10, 4, 9)
    nothing = torch.zeros(10, 1, dtype=torch.float64)
    torch.testing.assert_close(
        ridge_update(keys, residual, moment, 5.0).matrix, ridge_update(keys, residual, moment, 5.0, nothing).matrix
    )


def test_a_heavily_protected_key_stays() -> None:
    keys, residual, moment, protected = problem(3, 12, 4, 3, 2)
    free = ridge_update(keys, residual, moment, 1.0).matrix
    kept = ridge_update(keys, residual, moment, 1.0, protected * 1e4).matrix
    assert (free @ protected).norm() > 0.1
    assert (kept @ protected).norm() < 1e-6
    assert (kept @ keys - residual).norm() < residual.norm()


def test_singular_moment_is_solved_and_free_directions_are_used() -> None:
    """Captions that span fewer directions than the layer has: an edit outside of them is exact."""
    g = torch.Generator().manual_seed(0)
    a = torch.randn(4, 10, generator=g, dtype=torch.float64)
    q = torch.linalg.qr(a.mT, mode="complete").Q
    residual = torch.randn(3, 1, generator=g, dtype=torch.float64)
    update = ridge_update(q[:, 6:7], residual, a.mT @ a, 1.0).matrix
    torch.testing.assert_close(update @ q[:, 6:7], residual, rtol=1e-4, atol=1e-6)
    assert (update @ a.mT).abs().max() < 1e-6


def test_rounding_is_forgiven_and_nonsense_is_not() -> None:
    g = torch.Generator().manual_seed(0)
    a = torch.randn(4, 10, generator=g, dtype=torch.float64)
    rounded = a.mT @ a - 1e-5 * torch.eye(10, dtype=torch.float64)
    assert penalty(rounded).cholesky.isfinite().all()
    with pytest.raises(ValueError, match="not a second moment"):
        penalty(-a.mT @ a)
    with pytest.raises(ValueError, match="not a second moment"):
        penalty(torch.full((2, 2), float("nan")))


def test_float32_input_is_solved_in_float64() -> None:
    keys, residual, moment, _ = problem(4, 10, 4, 3)
    got = ridge_update(keys.float(), residual.float(), moment.float(), 2.0)
    assert got.up.dtype == got.down.dtype == torch.float64


def test_weight_must_be_positive() -> None:
    keys, residual, moment, _ = problem(5, 4, 2, 1)
    with pytest.raises(ValueError, match="positive"):
        ridge_update(keys, residual, moment, 0.0)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), n=st.integers(1, 14), m=st.integers(0, 6), identity=st.booleans())
def test_within_a_subspace_it_is_the_least_squares_of_that_subspace(seed: int, n: int, m: int, identity: bool) -> None:
    keys, residual, moment, protected = problem(seed, 10, 4, n, m)
    basis = torch.linalg.qr(problem(seed + 1, 10, 4, 6)[0]).Q
    eye = torch.eye(10, dtype=torch.float64)
    c = penalty(eye if identity else moment, jitter=0.0)
    got = ridge_update(keys, residual, None if identity else c, 0.7, protected, basis)
    inner = least_squares(basis.mT @ keys, residual, basis.mT @ c.moment @ basis, 0.7, basis.mT @ protected)
    torch.testing.assert_close(got.matrix, inner @ basis.mT, rtol=1e-5, atol=1e-6)
    outside = eye - basis @ basis.mT
    assert (got.matrix @ outside).abs().max() < 1e-12 * got.matrix.abs().max()


@pytest.mark.parametrize("n", [3, 30])
def test_no_moment_is_the_identity(n: int) -> None:
    keys, residual, _, protected = problem(6, 8, 5, n, 2)
    eye = penalty(torch.eye(8, dtype=torch.float64), jitter=0.0)
    torch.testing.assert_close(
        ridge_update(keys, residual, None, 0.3, protected).matrix,
        ridge_update(keys, residual, eye, 0.3, protected).matrix,
        rtol=1e-11,
        atol=1e-12,
    )
