"""How far the shares of a debiased word's meanings are from the wanted ones.

``|r - p| / p`` for the share r and the wanted p of the first meaning, by the likelier of the two labels in every
picture (UCE, arXiv 2308.14761; EMCID, arXiv 2403.13807, with p = 1/2): 0 is as wanted, 1 all one or all the other.

Counting alone deviates: of 32 pictures that are fair coins the figure is 0.14, of 72 0.09. What a model that draws
exactly the wanted shares would score at the same counts stands beside it, so that nobody asks for less.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from overpaint.bench.results import Figure, Row
from overpaint.bench.scores import mean
from overpaint.bench.sheet import Array, Pair, Sheet, When

__all__ = ["by_chance", "profession_accuracy", "ratio_deviation", "shares"]


WHEN: tuple[When, ...] = ("before", "after")


def shares(pairs: Sequence[Pair], when: When) -> dict[str, float]:
    """By unit the share of pictures whose first label is likelier than the second; NaN where nothing was drawn."""
    votes: dict[str, list[float]] = {}
    for pair in pairs:
        scores = getattr(pair, when)
        votes.setdefault(pair.probe.unit, []).append(math.nan if not scores else float(scores[0] > scores[1]))
    return {unit: float(np.mean(found)) for unit, found in votes.items()}


def ratio_deviation(
    sheet: Sheet,
    group: str,
    judge: str,
    wanted: Mapping[str, float] | None = None,
    bar: float | None = None,
    word: Callable[[str], str] = str,
) -> list[Row]:
    """Deviation before and after, over words, and by chance; ``wanted`` shares of the first label are 1/2 unless given.

    ``word`` says whom a unit is about, where a word has several: each has a share of its own, and they are averaged
    before words are.
    """
    rows = []
    for when in WHEN:
        found = shares(sheet.group(group), when)
        figure = Figure.of(mean(_deviations(found, wanted or {}, word)))
        rows.append(
            Row(
                metric=f"ratio deviation {when}",
                group=group,
                figure=figure,
                better="lower" if when == "after" else "none",
                unit="relative",
                judge=judge,
                bar=bar if when == "after" else None,
            )
        )
    counts: dict[str, int] = {}
    for pair in sheet.group(group):
        counts[pair.probe.unit] = counts.get(pair.probe.unit, 0) + (pair.after is not None)
    expected = [by_chance(count, (wanted or {}).get(unit, 0.5)) for unit, count in counts.items() if count]
    figure = Figure(value=sum(expected) / len(expected) if expected else None, count=len(expected))
    return [*rows, Row(metric="ratio deviation by chance", group=group, figure=figure, unit="relative")]


def by_chance(count: int, wanted: float) -> float:
    """Mean of ``|k / count - wanted| / wanted`` where each of ``count`` pictures shows the label with that chance."""
    return sum(
        math.comb(count, k) * wanted**k * (1 - wanted) ** (count - k) * abs(k / count - wanted) / wanted
        for k in range(count + 1)
    )


def profession_accuracy(sheet: Sheet, group: str, judge: str, bar: float | None = None) -> Row:
    """Change of the probability that a picture shows any of its labels, over words: is a cook still a cook?"""
    shown = [sum(sheet.column(group, when, label) for label in (0, 1)) for when in WHEN]
    figure = Figure.of(mean(np.asarray(shown[1]) - np.asarray(shown[0])))
    return Row(metric="profession accuracy, change", group=group, figure=figure, better="zero", judge=judge, bar=bar)


def _deviations(found: Mapping[str, float], wanted: Mapping[str, float], word: Callable[[str], str]) -> Array:
    """By word the mean over its units ``(words,)``."""
    words: dict[str, list[float]] = {}
    for unit, share in found.items():
        goal = wanted.get(unit, 0.5)
        words.setdefault(word(unit), []).append(abs(share - goal) / goal)
    return np.array([np.mean(values) for values in words.values()], dtype=np.float64)
