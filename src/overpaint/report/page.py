"""The page: one HTML file that holds everything, runs no script and loads nothing."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from overpaint.report import numbers, svg
from overpaint.report.card import Card
from overpaint.report.metrics import HEADLINES

__all__ = ["environment", "render"]


def render(card: Card) -> str:
    """The page's HTML. Names and prompts are text, whatever they look like."""
    style = Markup((files("overpaint.report") / "templates" / "style.css").read_text(encoding="utf-8"))
    try:
        made_by = version("overpaint")
    except PackageNotFoundError:  # a source tree that is not installed
        made_by = ""
    page = environment(autoescape=True).get_template("page.html.j2")
    shown = {line.row.metric for block in card.blocks for line in block.headlines}
    headings = [title for title, _ in HEADLINES if title in shown]
    return page.render(card=card, style=style, version=made_by, headings=headings)


def environment(*, autoescape: bool) -> Environment:
    """The templates and how they write numbers and drawings."""
    made = Environment(
        loader=PackageLoader("overpaint.report"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "figure": numbers.figure,
        "chance": numbers.chance,
        "interval": numbers.interval,
        "plotted": svg.chart,
        "drawn": svg.strip,
        "whisker": svg.whisker,
    }
    return made
