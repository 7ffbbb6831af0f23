"""Mixture factors that make a debiased concept come out in the wanted shares, found by measuring and correcting.

Values are mixed, pictures are not: half and half of two values need not draw half and half. EMCID (section 4.4)
corrects the factors by what a classifier sees. Here whoever can draw and grade gives a function from factors to
measured shares; this module knows neither pictures nor graders.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

__all__ = ["Balance", "balance"]

_Search = Generator[tuple[float, ...], tuple[float, ...], None]

FLOOR = 1e-3
"""Smallest factor and smallest measured share in multiplicative corrections: nothing vanishes for good."""


@dataclass(frozen=True)
class Balance:
    """The best factors met.

    Attributes:
        factors: one for each destination, summing to 1.
        measured: shares with them.
        error: largest distance of a share from the wanted one.
        rounds: measurements made.
    """

    factors: tuple[float, ...]
    measured: tuple[float, ...]
    error: float
    rounds: int


def balance(
    ratio: Callable[[tuple[float, ...]], Sequence[float]],
    shares: Sequence[float],
    tolerance: float = 0.02,
    rounds: int = 10,
) -> Balance:
    """Search factors whose measured shares are within ``tolerance`` of the wanted ones.

    Two destinations: bisection, as a share rises with its factor. More: multiplicative corrections
    ``f_d <- f_d (wanted_d / measured_d)^eta``, normalised, eta halved whenever the error has grown.

    Args:
        ratio: factors to measured shares, in the order of ``shares``; equal seeds every time make it smooth.
        shares: wanted, at least two, summing to 1.
        rounds: measurements at most; the search starts from the wanted shares themselves.
    """
    if len(shares) < 2 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f"wanted shares are two or more numbers from 0 that sum to 1, not {tuple(shares)}")
    search = _bisect(tuple(shares)) if len(shares) == 2 else _multiply(tuple(shares))
    factors = next(search)
    best: Balance | None = None
    for count in range(1, rounds + 1):
        measured = tuple(ratio(factors))
        error = max(abs(m - s) for m, s in zip(measured, shares, strict=True))
        if best is None or error < best.error:
            best = Balance(factors, measured, error, count)
        best = Balance(best.factors, best.measured, best.error, count)
        if error <= tolerance:
            break
        factors = search.send(measured)
    if best is None:
        raise ValueError("at least one round is needed")
    return best


def _bisect(shares: tuple[float, ...]) -> _Search:
    low, high, first = 0.0, 1.0, shares[0]
    while True:
        measured = yield (first, 1 - first)
        low, high = (first, high) if measured[0] < shares[0] else (low, first)
        first = (low + high) / 2


def _multiply(shares: tuple[float, ...]) -> _Search:
    factors, eta, last = shares, 1.0, float("inf")
    while True:
        measured = yield factors
        error = max(abs(m - s) for m, s in zip(measured, shares, strict=True))
        eta = eta / 2 if error > last else eta
        last = error
        raised = [
            max(f, FLOOR) * (max(s, FLOOR) / max(m, FLOOR)) ** eta
            for f, s, m in zip(factors, shares, measured, strict=True)
        ]
        factors = tuple(f / sum(raised) for f in raised)
