"""A figure is a mean, its interval and the number of things it was taken over; never a mean alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["ALONE", "Score", "change", "harmonic", "mean", "ratio"]

Array = np.ndarray[Any, Any]

RESAMPLES = 2000
LEVEL = 0.95
ALONE = "one only: no interval"
"""What stands where others show an interval, of a figure that was taken over one edit or concept."""


@dataclass(frozen=True)
class Score:
    """A figure with its percentile bootstrap interval at 95 %.

    Attributes:
        value: the figure; NaN if nothing could be measured.
        low, high: the interval; equal to `value` for a single measurement, which says nothing about spread.
        count: how many units (concepts, edits) it was taken over.
        missing: how many more could not be measured and were left out.
    """

    value: float
    low: float
    high: float
    count: int
    missing: int = 0

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its ends; None where there is nothing to show: no resample had a figure, or there was one unit alone."""
        return None if self.count < 2 or math.isnan(self.low) or math.isnan(self.high) else (self.low, self.high)

    def __str__(self) -> str:
        """As ``0.913 [0.901, 0.924] n=1548``; a dash if nothing was measured."""
        if not self.count or math.isnan(self.value):
            return "-"
        interval = "" if self.interval is None else "[{:.3f}, {:.3f}] ".format(*self.interval)
        return f"{self.value:.3f} {interval}n={self.count}"

    def to_data(self) -> dict[str, float | int | None]:
        """Plain data for JSON, where NaN is null."""
        figures = {name: getattr(self, name) for name in ("value", "low", "high")}
        data: dict[str, float | int | None] = {k: None if math.isnan(v) else round(v, 6) for k, v in figures.items()}
        return data | {"count": self.count, "missing": self.missing}


def mean(values: Sequence[float] | Array, seed: int = 0) -> Score:
    """The mean of one value per unit ``(n,)``; NaN values are counted as missing."""
    return _bootstrap([_array(values)], lambda means: means[0], seed)


def ratio(above: Sequence[float] | Array, below: Sequence[float] | Array, seed: int = 0) -> Score:
    """``mean(above) / mean(below)`` of paired values ``(n,)``: units are resampled, so both keep their partner."""
    return _bootstrap([_array(above), _array(below)], lambda means: _divided(means[0], means[1]), seed)


def change(after: Sequence[float] | Array, before: Sequence[float] | Array, seed: int = 0) -> Score:
    """Relative change ``mean(after) / mean(before) - 1`` of paired values ``(n,)``."""
    return _bootstrap([_array(after), _array(before)], lambda means: _divided(means[0], means[1]) - 1, seed)


def harmonic(first: Sequence[float] | Array, second: Sequence[float] | Array, seed: int = 0) -> Score:
    """Harmonic mean of two means of paired values ``(n,)``: F1, high only where both are."""
    return _bootstrap([_array(first), _array(second)], lambda m: _divided(2 * m[0] * m[1], m[0] + m[1]), seed)


def _bootstrap(columns: list[Array], figure: Callable[[list[Array]], Array], seed: int) -> Score:
    """Resample rows of all columns together; ``figure`` maps means ``(k,)`` of each column to figures ``(k,)``."""
    if len({len(column) for column in columns}) != 1:
        raise ValueError(f"paired values of different lengths: {', '.join(str(len(column)) for column in columns)}")
    whole = ~np.isnan(np.stack(columns)).any(axis=0)
    columns = [column[whole] for column in columns]
    count, missing = int(whole.sum()), int((~whole).sum())
    if not count:
        return Score(math.nan, math.nan, math.nan, 0, missing)
    value = float(figure([column.mean(keepdims=True) for column in columns])[0])
    rows = np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))
    spread = figure([column[rows].mean(axis=1) for column in columns])
    spread = spread[~np.isnan(spread)]  # a resample may hold nothing but zeros below a fraction
    if not len(spread) or math.isnan(value):
        return Score(value, math.nan, math.nan, count, missing)
    low, high = np.quantile(spread, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Score(value, float(low), float(high), count, missing)


def _divided(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _array(values: Sequence[float] | Array) -> Array:
    return np.asarray(values, dtype=np.float64)
