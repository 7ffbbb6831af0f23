"""Mixture factors that make a debiased concept come out in the wanted shares, found by counting and correcting.

Values are mixed, pictures are not: half and half of two values need not draw half and half. EMCID (arXiv 2403.13807)
corrects the factors by what a classifier sees. A `walk` says which factors to try next; it knows neither pictures nor
graders.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

__all__ = ["Walk", "walk"]

Walk = Generator[tuple[float, ...], tuple[float, ...], None]
"""Gives a source's factors, is sent the shares that were counted with them."""

FLOOR = 1e-3
"""Smallest factor and smallest counted share in multiplicative corrections: nothing vanishes for good."""

NARROW = 1 / 64
"""A bracket that has become this narrow without an end was closed by chance, or others have moved the shares."""

NEAR = 1 / 8
"""So near to a start that was measured the end is sought first, and so near to 0 and 1 the search goes beyond them."""

BEYOND = 1.0
"""How far: a model that draws the man's own value as a woman, too, wants more of the man than all."""

LOPSIDED = 1 / 4
"""With less than this part of what is wanted, the end of the bracket is tried next, not its middle."""


def walk(shares: Sequence[float], start: Sequence[float] | None = None) -> Walk:
    """Factors to try for wanted shares, beginning with ``start`` or the shares themselves.

    Two destinations: bisection, as a share rises with its factor, beyond 0 and 1 if need be: the line through two
    values goes on behind them. More: multiplicative corrections
    ``f_d <- f_d (wanted_d / counted_d)^eta``, normalised, eta halved whenever the error has grown.

    Raises:
        ValueError: the shares are not two or more numbers from 0 that sum to 1.
    """
    if len(shares) < 2 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f"wanted shares are two or more numbers from 0 that sum to 1, not {tuple(shares)}")
    if len(shares) > 2:
        return _multiply(tuple(shares), tuple(shares if start is None else start))
    low, first, high = (0.0, shares[0], 1.0) if start is None else (start[0] - NEAR, start[0], start[0] + NEAR)
    return _bisect(shares[0], low, high, first)


def _bisect(share: float, low: float, high: float, first: float) -> Walk:
    while True:
        counted, _ = yield (first, 1 - first)
        less = counted < share
        low, high = (first, high) if less else (low, first)
        if low > 1 - NEAR and high == 1:
            high += BEYOND
        if high < NEAR and low == 0:
            low -= BEYOND
        if high - low < NARROW:
            low, high = (first, high + NEAR) if less else (low - NEAR, first)
        if high == 1 and counted < LOPSIDED * share:
            first = high
        elif low == 0 and 1 - counted < LOPSIDED * (1 - share):
            first = low
        else:
            first = (low + high) / 2


def _multiply(shares: tuple[float, ...], factors: tuple[float, ...]) -> Walk:
    eta, last = 1.0, float("inf")
    while True:
        counted = yield factors
        error = max(abs(m - s) for m, s in zip(counted, shares, strict=True))
        eta = eta / 2 if error > last else eta
        last = error
        raised = [
            max(f, FLOOR) * (max(s, FLOOR) / max(m, FLOOR)) ** eta
            for f, s, m in zip(factors, shares, counted, strict=True)
        ]
        factors = tuple(f / sum(raised) for f in raised)
