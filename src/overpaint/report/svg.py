"""Small drawings as inline SVG, coloured by the page's own style sheet, so that they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

from overpaint.bench.results import Row
from overpaint.report.card import EDGES, Chart, Line, Strip
from overpaint.report.numbers import figure

__all__ = ["chart", "strip", "whisker"]

WIDTH, HEIGHT = 340, 220
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 8, 34
COLOURS = 6


def chart(of: Chart) -> Markup:
    """Lines over the number of edits (logarithmic), intervals as upright strokes, the bar dashed."""
    rows = [row for _, _, points in of.series for _, row in points]
    places = sorted({max(1, edits) for _, _, points in of.series for edits, _ in points})
    low, high, step = _scale([n for row in rows for n in _numbers(row)], of.unit)
    root = _root(f"{of.title}, over the number of edits", f"0 0 {WIDTH} {HEIGHT}")

    def x(edits: int) -> float:
        first, last = math.log(places[0]), math.log(places[-1])
        share = 0.5 if first == last else (math.log(max(1, edits)) - first) / (last - first)
        return LEFT + 10 + share * (WIDTH - LEFT - RIGHT - 20)

    def y(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    for number in range(round((high - low) / step) + 1):
        value = low + number * step
        kind = "zero" if abs(value) < step / 100 else "grid"
        _line(root, kind, LEFT, y(value), WIDTH - RIGHT, y(value))
        label = figure(value, of.unit if of.unit == "relative" else "change").lstrip("+").replace(".0 %", " %")
        _text(root, label, LEFT - 6, y(value) + 4, "end")
    for edits in _apart(places, x):
        _text(root, f"{edits:,}", x(edits), HEIGHT - BOTTOM + 16, "middle")
    _text(root, "edits", WIDTH - RIGHT, HEIGHT - 2, "end")
    bars = dict(sorted((edits, row.bar) for _, _, points in of.series for edits, row in points if row.bar is not None))
    if bars:
        _path(root, "bar", [(x(edits), y(bar)) for edits, bar in bars.items()])
    for name, colour, points in of.series:
        group = SubElement(root, "g", {"class": f"s{colour % COLOURS}"})
        known = [(edits, row) for edits, row in points if row.figure.value is not None]
        _path(group, "line", [(x(edits), y(row.figure.value or 0.0)) for edits, row in known])
        for edits, row in known:
            found = row.figure
            if ends := found.score.interval:
                _line(group, "err", x(edits), y(ends[0]), x(edits), y(ends[1]))
            place = {"cx": _n(x(edits)), "cy": _n(y(found.value or 0.0)), "r": "3.5"}
            dot = SubElement(group, "circle", {"class": "dot", **place})
            SubElement(dot, "title").text = f"{name}, {edits} edits: {figure(found.value, row.unit)}, n = {found.count}"
    return _markup(root)


def strip(of: Strip) -> Markup:
    """One bar per hold-out, the worst first: its change of probability, losses downwards."""
    changes = [after - before for _, before, after in of.units if before is not None and after is not None]
    reach = max([0.1, *(abs(change) for change in changes)])
    top = max([0.1 * reach, *changes])
    bottom = min([-0.1 * reach, *changes])
    width = max(len(changes), 24)
    root = _root(f"change of {len(changes)} hold-outs, the worst first", f"0 0 {width} {_n(top - bottom)}")
    root.set("preserveAspectRatio", "none")
    for number, change in enumerate(changes):
        size = max(abs(change), 0.004 * (top - bottom))
        rect = {"x": _n(number + 0.1), "y": _n(top - max(change, 0.0)), "width": "0.8", "height": _n(size)}
        SubElement(root, "rect", {"class": "fell" if change < -0.05 else "held", **rect})
    line = _line(root, "zero", 0, top, width, top)
    line.set("vector-effect", "non-scaling-stroke")
    return _markup(root)


def whisker(line: Line, row: Row) -> Markup:
    """A figure as a dot on its interval, zero and bar as strokes, on the scale that the line's cells share."""
    low, high = line.span
    root = _root("", "0 0 100 10")
    root.set("preserveAspectRatio", "none")
    root.set("aria-hidden", "true")
    if row.figure.value is None or row.unit not in EDGES:
        return _markup(root)

    def x(value: float) -> float:
        return 3 + 94 * (value - low) / (high - low)

    drawn = [_line(root, "grid", 0, 5, 100, 5)]
    if low <= 0 <= high:
        drawn.append(_line(root, "zero", x(0), 2, x(0), 8))
    if row.bar is not None:
        drawn.append(_line(root, "bar", x(row.bar), 0, x(row.bar), 10))
    group = SubElement(root, "g", {"class": "s0"})
    if ends := row.figure.score.interval:
        drawn.append(_line(group, "err wide", x(ends[0]), 5, x(ends[1]), 5))
    drawn.append(_line(group, "point", x(row.figure.value), 5, x(row.figure.value) + 0.01, 5))
    for one in drawn:
        one.set("vector-effect", "non-scaling-stroke")
    return _markup(root)


def _numbers(row: Row) -> list[float]:
    found = row.figure
    return [n for n in (found.value, found.low, found.high, row.bar) if n is not None]


def _scale(numbers: Sequence[float], unit: str) -> tuple[float, float, float]:
    """Ends and step of an axis that holds zero and all numbers, four or five lines."""
    natural = [-0.1] if unit == "relative" else [1.0] if unit in EDGES else []
    low, high = min([0.0, *numbers, *natural]), max([0.0, *numbers, *natural])
    rough = (high - low or 1.0) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    return step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9), step


def _apart(places: Sequence[int], x: Callable[[int], float]) -> list[int]:
    """The places whose labels do not run into each other, from the last one down."""
    kept: list[int] = []
    for place in reversed(places):
        if not kept or x(kept[-1]) - x(place) >= 26:
            kept.append(place)
    return kept


def _root(label: str, box: str) -> Element:
    return Element("svg", {"viewBox": box, "role": "img", "aria-label": label})


def _line(parent: Element, kind: str, x1: float, y1: float, x2: float, y2: float) -> Element:
    return SubElement(parent, "line", {"class": kind, "x1": _n(x1), "y1": _n(y1), "x2": _n(x2), "y2": _n(y2)})


def _path(parent: Element, kind: str, points: Sequence[tuple[float, float]]) -> None:
    if points:
        SubElement(parent, "polyline", {"class": kind, "points": " ".join(f"{_n(a)},{_n(b)}" for a, b in points)})


def _text(parent: Element, text: str, x: float, y: float, anchor: str) -> None:
    SubElement(parent, "text", {"x": _n(x), "y": _n(y), "text-anchor": anchor}).text = text


def _n(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1 else f"{value:.2f}".rstrip("0").rstrip(".")


def _markup(root: Element) -> Markup:
    """Escaped by the XML writer."""
    return Markup(tostring(root, encoding="unicode"))
