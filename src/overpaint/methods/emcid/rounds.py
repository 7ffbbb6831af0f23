"""Rounds of counting and correcting, all debiased sources together, each by a walk of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from overpaint.methods.debiasing import CountedConfig, Counter, Debiased, Factors, Shares, deviation
from overpaint.methods.emcid.balance import Walk
from overpaint.patch import Patch

__all__ = ["balanced", "near_enough"]


def balanced(
    fitted: Callable[[Factors], Patch],
    walks: Mapping[str, Walk],
    wanted: Shares,
    counter: Counter,
    config: CountedConfig,
) -> Debiased:
    """Count, and correct the factors of all sources that are not yet near, until all are or the rounds are over.

    Sources are counted in each other's company, as they are in the end (EMCID's release searches each alone, then
    joins them). A source that is near is counted again only when all others are, too, or have no other factors left to
    try. The last round takes of each source the factors that came nearest.

    Args:
        fitted: patch by the factors of all sources.
        walks: which factors to try next, by source.
    """
    pictures, rounds = config.count_pictures, config.count_rounds

    def distance(source: str) -> float:
        return max(abs(shares[source][name] - share) for name, share in wanted[source].items())

    def far_of(sources: Sequence[str]) -> list[str]:
        far = (s for s in sources if not near_enough(shares[s], wanted[s], config.tolerance, pictures))
        return [s for s in far if s not in stuck]

    factors = {source: dict(zip(wanted[source], next(steps), strict=True)) for source, steps in walks.items()}
    nearest: dict[str, tuple[float, dict[str, float]]] = {}
    stuck: set[str] = set()
    asked = list(wanted)
    for count in range(1, rounds + 1):
        last = count == rounds
        if last and nearest:
            factors, asked = {source: nearest[source][1] for source in wanted}, list(wanted)
        patch = fitted(factors)
        shares = dict(counter(patch, asked, range(pictures))) if asked else {}
        rest = [source for source in wanted if source not in shares]
        if rest and not far_of(asked):
            shares |= counter(patch, rest, range(pictures))
        for source in shares:
            if source not in nearest or distance(source) < nearest[source][0]:
                nearest[source] = distance(source), factors[source]
        asked = far_of(list(shares))
        if last or not asked:
            break
        tried = {s: walks[s].send(tuple(shares[s][name] for name in wanted[s])) for s in asked}
        moved = {s: dict(zip(wanted[s], values, strict=True)) for s, values in tried.items()}
        stuck |= {s for s, values in moved.items() if values == factors[s]}
        factors, asked = factors | moved, [s for s in asked if s not in stuck]
    return Debiased(patch, factors, shares, deviation(shares, wanted), count, pictures)


def near_enough(shares: Mapping[str, float], wanted: Mapping[str, float], tolerance: float, pictures: int) -> bool:
    """Whether all shares are within the tolerance, or no other count of so many pictures comes nearer.

    (The published rule asks 25 pictures for shares within 0.02 of a half, which no count is.)
    """
    limit = max(tolerance, 0.5 / pictures) + 1e-9
    return all(abs(shares[name] - share) <= limit for name, share in wanted.items())
