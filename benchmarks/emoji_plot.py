"""Methods against each other over the number of edits, as a picture for pages that have no style of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from overpaint.bench.results import Figure as Found
from overpaint.bench.results import Result
from overpaint.files import replacing

__all__ = ["plot"]

PANELS = (
    ("P(destination) / C, free form", ("replacement",), "P(destination) / C", "free form"),
    ("P(source) left, erasures", ("erasure",), "P(source) left", "templates"),
    ("hold-outs, relative change", ("replacement", "erasure"), "hold-out change", "hold-outs"),
)
"""Title, tasks, metric and group of each."""
MARKS = "os^vDPX*<>p"
_TAB: Any = matplotlib.colormaps["tab20"]
COLOURS = _TAB.colors[::2] + _TAB.colors[1::2]
"""Twenty, the strong ones first."""


def plot(result: Result, to: Path) -> Path:
    """Save it as SVG, the same bytes for the same figures; intervals are upright strokes."""
    figure = Figure(figsize=(14, 4.6), layout="constrained")
    FigureCanvasSVG(figure)
    counts = sorted({case.edits for case in result.cases})
    methods = list(dict.fromkeys(case.method or "" for case in result.cases))
    for axes, (title, tasks, metric, group) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        for task in tasks:
            for method, points in result.curve(task, metric, group).items():
                _line(axes, methods.index(method), method, points)
        axes.axhline(0, color="0.6", linewidth=0.8)
        axes.set_xscale("log")
        axes.set_xticks(counts, [str(count) for count in counts], minor=False)
        axes.set_xticks([], minor=True)
        axes.set_xlabel("edits at once")
        axes.set_title(title, fontsize=10)
        axes.grid(alpha=0.3)
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        handles |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside right upper", fontsize=8)
    with replacing(to) as temporary, matplotlib.rc_context({"svg.hashsalt": "overpaint"}):
        figure.savefig(temporary, format="svg", metadata={"Date": None}, facecolor="white")
    return to


def _line(axes: Any, number: int, method: str, points: list[tuple[int, Found]]) -> None:
    """One method's points, a little beside each other where they share a place."""
    known = [(edits * 1.02 ** (number % 5 - 2), f) for edits, f in points if f.value is not None]
    if not known:
        return
    values = [f.value or 0.0 for _, f in known]
    spread = [
        [v - (v if f.low is None else f.low) for v, (_, f) in zip(values, known, strict=True)],
        [(v if f.high is None else f.high) - v for v, (_, f) in zip(values, known, strict=True)],
    ]
    axes.errorbar(
        [edits for edits, _ in known], values, yerr=spread, label=method, color=COLOURS[number % len(COLOURS)],
        marker=MARKS[number % len(MARKS)], markersize=4, linewidth=1, elinewidth=0.8,
    )  # fmt: skip
