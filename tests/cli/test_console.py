from __future__ import annotations

import io

import pytest
from rich.console import Console

from overpaint.cli.console import plain, say, table


def printed(value: object) -> str:
    console = Console(file=io.StringIO(), width=40, color_system=None)
    console.print(value)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@pytest.mark.parametrize("name", ["[red]pizza[/red]", "[/]", "[link=file:///etc]x[/link]", ":pizza:", "a\\[b]"])
def test_markup_in_names_is_shown_not_obeyed(name: str) -> None:
    made = table(name, name)
    made.add_row(plain(name))
    assert printed(made).count(name) == 3


def test_terminal_codes_are_shown_as_what_they_are() -> None:
    text = printed(plain("\x1b[31mred\x07\r\u202eabc"))
    assert text == "\\x1b[31mred\\x07\\r\\u202eabc\n"


def test_a_long_line_is_not_wrapped() -> None:
    console = Console(file=io.StringIO(), width=20)
    say("/a/very/long/path/that/a/person/will/copy.png", console=console)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "/a/very/long/path/that/a/person/will/copy.png\n"
