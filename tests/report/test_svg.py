from __future__ import annotations

from itertools import pairwise
from xml.etree.ElementTree import Element, fromstring

from overpaint.bench.results import Row
from overpaint.report.card import Chart, Line, Strip
from overpaint.report.svg import chart, strip, whisker
from tests.report.worlds import SCRIPT, row


def drawn(svg: str, kind: str) -> list[Element]:
    return [element for element in fromstring(svg).iter() if element.get("class") == kind]


def points(*values: float) -> tuple[tuple[int, Row], ...]:
    return tuple((10**n, row("x", "g", [value], bar=-0.05, unit="relative")) for n, value in enumerate(values))


def test_a_falling_figure_falls_and_edits_are_logarithmic() -> None:
    svg = chart(Chart("change", "relative", (("emcid", 0, points(0.0, -0.1, -0.9)),)))
    dots = drawn(svg, "dot")
    heights = [float(dot.get("cy", "")) for dot in dots]
    places = [float(dot.get("cx", "")) for dot in dots]
    assert heights == sorted(heights)
    assert places[1] - places[0] == places[2] - places[1]
    titles = [element.text for element in fromstring(svg).iter("title")]
    assert titles[2] == "emcid, 100 edits: −90.0 %, n = 1"


def test_axes_hold_every_number_and_names_are_text() -> None:
    svg = chart(Chart(SCRIPT, "FID", ((SCRIPT, 0, points(3.0, 250.0)), ("b", 1, points(1.0)))))
    assert "<script" not in svg
    assert all(8 <= float(dot.get("cy", "")) <= 186 for dot in drawn(svg, "dot"))


def test_a_strip_has_a_bar_for_each_known_holdout_downwards_for_losses() -> None:
    svg = strip(Strip("emcid", (("a", 0.9, 0.1), ("b", 0.9, 0.89), ("c", 0.5, 0.6), ("d", None, 0.2))))
    (fell,), held = drawn(svg, "fell"), drawn(svg, "held")
    zero = float(drawn(svg, "zero")[0].get("y1", ""))
    assert float(fell.get("y", "")) == zero
    assert float(fell.get("height", "")) == 0.8
    assert len(held) == 2
    assert float(held[1].get("y", "")) < zero
    assert all(float(a.get("x", "")) < float(b.get("x", "")) for a, b in pairwise([fell, *held]))


def test_a_strip_of_nothing_is_empty() -> None:
    assert not drawn(strip(Strip("emcid", (("a", None, None),))), "held")


def test_a_whisker_spans_its_interval_on_the_scale_of_its_line() -> None:
    one, other = row("x", "g", [0.2, 0.4], bar=0.5), row("x", "g", [0.9, 0.9])
    line = Line((one, other))
    (span,), (dot,), (bar,) = (drawn(whisker(line, one), kind) for kind in ("err wide", "point", "bar"))
    low, value, high = float(span.get("x1", "")), float(dot.get("x1", "")), float(span.get("x2", ""))
    assert low < value < high < float(bar.get("x1", "")) < float(drawn(whisker(line, other), "point")[0].get("x1", ""))


def test_figures_without_a_natural_range_have_no_whisker() -> None:
    fid = row("FID", "", [12.0], unit="FID")
    assert not drawn(whisker(Line((fid,)), fid), "point")
