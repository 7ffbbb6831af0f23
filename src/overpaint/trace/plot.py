"""A causal trace as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from overpaint.trace.causal import Trace

__all__ = ["draw", "plot"]

LINES = (
    ("end", "end token, last concept token replaced", "C0", "-", "o"),
    ("padding", "padding, last concept token replaced", "C1", "-", "s"),
    ("end_all", "end token, all concept tokens replaced", "C0", "--", "o"),
    ("padding_all", "padding, all concept tokens replaced", "C1", "--", "s"),
)


def draw(trace: Trace) -> Figure:
    """Recovered share over blocks, four lines; those without data are left out. Touches no state of matplotlib's."""
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    blocks = range(trace.blocks)
    for name, label, colour, style, marker in LINES:
        shares = getattr(trace, name)
        if all(share == share for share in shares):
            axes.plot(blocks, shares, style, color=colour, marker=marker, markersize=4, label=label)
    axes.axvline(trace.blocks / 2 - 0.5, color="0.7", linewidth=1, label="half depth")
    axes.set_xlabel("state replaced after block")
    axes.set_ylabel("share of the destination recovered")
    axes.set_xticks(list(blocks))
    axes.set_ylim(min(-0.05, min(trace.end + trace.padding)), 1.05)
    axes.set_title(f"Where a concept lives: {trace.pairs} pairs in {trace.prompts} prompts", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def plot(trace: Trace, to: str | Path | IO[bytes]) -> None:
    """Save the picture as PNG (or what the file's ending says)."""
    draw(trace).savefig(to, dpi=150)
