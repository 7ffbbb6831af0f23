"""Which factors of a debiased source to try next, by the shares that were counted with those before.

UCE (arXiv 2308.14761) steps by what is missing, ``a_k <- a_k + step (wanted_k - counted_k)``. How far a share moves
with a factor differs tenfold between sources, and along one source's own way: nothing for a while, then everything at
once. So a fixed step creeps or swings to and fro. With two destinations, whose shares are one number that rises with
the difference of their factors, the step is only taken, each time doubled, until the wanted share lies between two
counts.
"""

from __future__ import annotations

from overpaint.methods.debiasing import Walk

__all__ = ["walk", "within"]

NARROW = 1 / 64
"""A bracket that has become this narrow without an end holds none."""

INSIDE = 1 / 4
"""At least this part of a bracket goes with the next count, however near to one end the wanted share seems to lie."""


def walk(wanted: tuple[float, ...], factors: tuple[float, ...], step: float, limit: float) -> Walk:
    """Factors to try for wanted shares that sum to 1, beginning with ``factors``; none leaves ``[-limit, limit]``."""
    if len(wanted) == 2:
        return _between(wanted[0], (factors[0], factors[1]), step, limit)
    return _stepwise(wanted, factors, step, limit)


def within(factor: float, limit: float) -> float:
    """The nearest number in ``[-limit, limit]``."""
    return max(-limit, min(limit, factor))


def _between(share: float, factors: tuple[float, float], step: float, limit: float) -> Walk:
    first, second = (within(factor, limit) for factor in factors)
    least, most = max(-limit - first, second - limit), min(limit - first, second + limit)
    ahead, moved = step, 0.0
    low: tuple[float, float] | None = None
    high: tuple[float, float] | None = None
    while True:
        counted, _ = yield first + moved, second - moved
        missing = share - counted
        end = low if missing > 0 else high
        low, high = ((moved, missing), high) if missing > 0 else (low, (moved, missing))
        farther = end is not None and abs(missing) > abs(end[1])
        if low and high and (farther or high[0] - low[0] < NARROW):
            # others have moved the shares, or the bracket was closed by chance
            low, high = (low, None) if missing > 0 else (None, high)
            ahead = step
        if low and high:
            part = low[1] / (low[1] - high[1])
            moved = low[0] + min(max(part, INSIDE), 1 - INSIDE) * (high[0] - low[0])
        else:
            moved = max(least, min(most, moved + ahead * missing))
            ahead *= 2


def _stepwise(wanted: tuple[float, ...], factors: tuple[float, ...], step: float, limit: float) -> Walk:
    """The step doubles while the same shares go on missing and halves when they are overshot."""
    before: list[float] | None = None
    while True:
        counted = yield factors
        missing = [w - c for w, c in zip(wanted, counted, strict=True)]
        if before is not None:
            step *= 2 if sum(m * b for m, b in zip(missing, before, strict=True)) > 0 else 1 / 2
        factors = tuple(within(a + step * m, limit) for a, m in zip(factors, missing, strict=True))
        before = missing
