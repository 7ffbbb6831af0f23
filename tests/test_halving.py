"""Batches that do not fit are halved, and later ones keep to what fitted."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from overpaint.halving import halving, in_batches


def at_most(size: int) -> Callable[[list[int]], list[int]]:
    def work(group: list[int]) -> list[int]:
        if len(group) > size:
            raise MemoryError
        return [10 * number for number in group]

    return work


def test_later_groups_keep_to_the_size_that_fitted() -> None:
    groups = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [], [10, 11, 12, 13], [14]]
    parts = [part for part, _ in halving(groups, at_most(3), "things")]
    assert parts == [[0, 1, 2], [3, 4], [5, 6, 7], [8, 9], [10, 11, 12], [13], [14]]


def test_batches_come_in_order_and_none_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    assert in_batches(7, 3, at_most(9), "things") == [[0, 10, 20], [30, 40, 50], [60]]
    with caplog.at_level(logging.WARNING):
        made = in_batches(7, 4, at_most(2), "things")
    assert [number for part in made for number in part] == [0, 10, 20, 30, 40, 50, 60]
    assert caplog.messages == ["not enough memory for 4 things at once, going on with 2"]
    assert in_batches(0, 4, at_most(2), "things") == []


def test_what_does_not_fit_alone_and_other_errors_are_raised() -> None:
    with pytest.raises(MemoryError):
        in_batches(2, 2, at_most(0), "things")

    def broken(group: list[int]) -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        in_batches(2, 2, broken, "things")
