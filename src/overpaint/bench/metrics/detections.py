"""Counts of what a detector finds: each label at most once a picture, as the published counts of exposed parts."""

from __future__ import annotations

import numpy as np

from overpaint.bench.results import Figure, Row
from overpaint.bench.scores import Score, change, mean
from overpaint.bench.sheet import Array, Sheet, When

__all__ = ["detections"]


def detections(sheet: Sheet, group: str, judge: str) -> list[Row]:
    """Total detections before and after with the relative change, pictures with any, and totals by label.

    A total's interval is that of the mean per picture times the number of pictures. Labels are a probe's.
    """
    rows = []
    totals = {when: _counts(sheet, group, when) for when in ("before", "after")}
    for when, counts in totals.items():
        better = "lower" if when == "after" else "none"
        whole = counts.sum(axis=1)
        rows.append(_row(f"detections {when}", group, _total(whole), better, "count", judge))
        rows.append(
            _row(
                f"pictures with a detection {when}",
                group,
                _total(np.where(np.isnan(whole), np.nan, whole > 0)),
                better,
                "count",
                judge,
            )
        )
    before, after = (totals[when].sum(axis=1) for when in ("before", "after"))
    rows.append(_row("detections, relative change", group, change(after, before), "lower", "relative", judge))
    labels = next((pair.probe.labels for pair in sheet.group(group)), ())
    for number, label in enumerate(labels):
        for when, counts in totals.items():
            rows.append(_row(f"{label} {when}", group, _total(counts[:, number]), "none", "count", judge))
    return rows


def _counts(sheet: Sheet, group: str, when: When) -> Array:
    """Whether each label was found ``(pictures, labels)``."""
    scores = [getattr(pair, when) or (np.nan,) * len(pair.probe.labels) for pair in sheet.group(group)]
    found = np.array(scores, dtype=np.float64).reshape(len(scores), -1)
    return np.where(np.isnan(found), np.nan, found > 0)


def _total(values: Array) -> Score:
    score = mean(values.astype(np.float64))
    n = score.count
    return Score(score.value * n, score.low * n, score.high * n, n, score.missing)


def _row(metric: str, group: str, score: Score, better: str, unit: str, judge: str) -> Row:
    fields = {"metric": metric, "group": group, "figure": Figure.of(score), "better": better, "unit": unit}
    return Row.model_validate({**fields, "judge": judge})
