"""Where text goes, and how text of unknown origin is made harmless first.

Names of concepts come from files and command lines: they may look like rich markup or hold terminal control codes.
Nothing of them is ever interpreted.
"""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["err", "out", "plain", "say", "table"]


def out() -> Console:
    """Results. Made when needed, so that it writes to whatever is the standard output then."""
    return Console(highlight=False)


def err() -> Console:
    """Progress and errors."""
    return Console(stderr=True, highlight=False)


def plain(value: object, style: str = "") -> Text:
    """``value`` as text that means nothing to rich or to a terminal."""
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(value))
    return Text(text, style=style)


def say(value: object, style: str = "", console: Console | None = None) -> None:
    """Print one line, never wrapped, so that paths can be copied."""
    (console or out()).print(plain(value, style), soft_wrap=True)


def table(title: str, *columns: str) -> Table:
    """An empty table; the first column is text, the others figures. Fill it with `plain` cells."""
    shown = plain(title)
    made = Table(title=shown, title_justify="left", header_style="bold", min_width=min(len(shown), 76))
    for number, column in enumerate(columns):
        made.add_column(plain(column), justify="left" if number == 0 else "right", overflow="fold")
    return made
