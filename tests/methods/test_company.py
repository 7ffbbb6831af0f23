"""Who is learned together."""

from __future__ import annotations

from torch import Tensor

from overpaint.methods.company import composition, together

KEYS = {0: "a", 1: "b", 2: "c", 3: "d"}
ALL = [0, 1, 2, 3]


def mark(*members: int) -> Tensor:
    return composition([KEYS[member] for member in members])


def test_nobody_is_learned_twice_and_all_are_learned_at_once() -> None:
    assert together(ALL, KEYS, dict.fromkeys(ALL, mark(*ALL))) == []
    assert together(ALL, KEYS, {}) == ALL


def test_the_rest_of_a_batch_is_learned_in_its_company() -> None:
    assert together(ALL, KEYS, {1: mark(*ALL)}) == ALL
    assert together(ALL, KEYS, {0: mark(0, 1), 1: mark(0, 1), 2: mark(2, 3)}) == [2, 3]


def test_what_was_learned_elsewhere_is_no_company() -> None:
    """In another plan, by a version that kept no marks, or in a batch that is whole."""
    other = composition(["a", "x"])
    assert together(ALL, KEYS, {0: other}) == [1, 2, 3]
    assert together(ALL, KEYS, {0: None}) == [1, 2, 3]
    assert together(ALL, KEYS, {0: mark(0, 1), 1: mark(0, 1)}) == [2, 3]


def test_a_composition_is_the_same_in_any_order() -> None:
    assert mark(0, 1).equal(mark(1, 0))
    assert not mark(0, 1).equal(mark(0, 2))
