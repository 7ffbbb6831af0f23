from __future__ import annotations

import io

import pytest
from rich.console import Console

from overpaint.progress import Inside, Progress, RichProgress, Silent


def report(progress: Progress) -> None:
    with progress.task("Stage [bold]", total=3, unit="concept") as advance:
        advance(note="loss [0.1]")
        with progress.task("inner") as inner:
            inner(5)
        advance(2)


def test_silent_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    report(Silent())
    assert capsys.readouterr() == ("", "")


def test_bars_show_names_counts_and_notes_as_they_are() -> None:
    console = Console(file=io.StringIO(), width=160)
    progress = RichProgress(console)
    assert isinstance(progress, Progress)
    assert isinstance(Silent(), Progress)
    report(progress)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Stage [bold]" in text
    assert "3/3" in text
    assert "loss [0.1]" in text
    assert "concept" in text


def test_what_is_done_inside_a_task_moves_its_bar() -> None:
    console = Console(file=io.StringIO(), width=160)
    with RichProgress(console).task("whole", total=4) as advance:
        for _ in range(2):
            with Inside(advance).task("part", total=2) as inner:
                inner(2)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "4/4" in text
    assert "part" not in text
    assert isinstance(Inside(advance), Progress)


def test_nothing_to_do_has_no_bar() -> None:
    console = Console(file=io.StringIO(), width=160)
    with RichProgress(console).task("drawing", total=0) as advance:
        advance(0)
    assert console.file.getvalue() == ""  # type: ignore[attr-defined]


def test_the_display_ends_when_work_fails_and_starts_again() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=160)
    progress = RichProgress(console)
    with pytest.raises(ValueError, match="boom"), progress.task("work", total=2):
        raise ValueError("boom")
    report(progress)
    assert console.file.getvalue().count("\x1b[?25l") == console.file.getvalue().count("\x1b[?25h")  # type: ignore[attr-defined]
