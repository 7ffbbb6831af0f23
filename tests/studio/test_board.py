from __future__ import annotations

import time

import pytest

from overpaint.progress import Progress
from overpaint.studio.board import Board, Stopped


def test_open_tasks_are_seen_from_the_outside_in() -> None:
    board = Board()
    assert isinstance(board, Progress)
    with board.task("outer", total=4, unit="concept") as advance:
        advance(1, "dog")
        with board.task("inner"):
            outer, inner = board.bars()
    assert (outer.name, outer.done, outer.total, outer.note) == ("outer", 1, 4, "dog")
    assert (inner.name, inner.left) == ("inner", None)
    assert board.bars() == ()


def test_time_left_follows_the_pace() -> None:
    board = Board()
    with board.task("work", total=4) as advance:
        time.sleep(0.02)
        advance()
        (bar,) = board.bars()
        spent = time.monotonic() - bar.began
        assert bar.left == pytest.approx(3 * spent, rel=0.5)


def test_stopping_comes_through_handlers_of_errors_and_keeps_the_last_state() -> None:
    board = Board()

    def work() -> None:
        with board.task("work", total=2) as advance:
            advance()
            board.stop()
            try:
                advance()
            except Exception:
                pytest.fail("taken for an error")

    with pytest.raises(Stopped):
        work()
    (bar,) = board.bars()
    assert bar.done == 1
    with pytest.raises(Stopped), board.task("another"):
        pass
