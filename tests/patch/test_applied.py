"""Patches come off again, or stay for good: what is left of the model, whatever happens in between."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from overpaint.errors import PatchError
from overpaint.patch import LowRank
from tests.models import tiny_sd
from tests.patch.examples import FC2, KERNEL, make, snapshot, unchanged


@pytest.fixture
def pipe() -> Any:
    return tiny_sd(layers=2)


def test_restored_after_an_exception(pipe: Any) -> None:
    before = snapshot(pipe)
    with pytest.raises(KeyboardInterrupt), make(pipe).applied_to(pipe):
        raise KeyboardInterrupt
    assert unchanged(pipe, before)


def test_failure_on_the_way_leaves_the_model_as_it_was(pipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last of the deltas fails after the others were written."""
    before, patch = snapshot(pipe), make(pipe)
    last = patch.deltas[KERNEL]

    def broken(self: LowRank, device: Any = "cpu") -> Tensor:
        if self is last:
            raise MemoryError
        return self.up.double() @ self.down.double()

    monkeypatch.setattr(LowRank, "matrix", broken)
    with pytest.raises(MemoryError):
        patch.apply(pipe)
    assert unchanged(pipe, before)


@pytest.mark.parametrize("count", [2, 3])
def test_stacked_patches_come_off_in_reverse_order(pipe: Any, count: int) -> None:
    patches = [make(pipe, seed) for seed in range(count)]
    states, applied = [snapshot(pipe)], []
    for patch in patches:
        applied.append(patch.apply(pipe))
        states.append(snapshot(pipe))
    for handle in reversed(applied):
        assert unchanged(pipe, states.pop())
        handle.remove()
    assert unchanged(pipe, states.pop())


def test_any_other_order_is_refused_and_changes_nothing(pipe: Any) -> None:
    before = snapshot(pipe)
    first, second = make(pipe, 0).apply(pipe), make(pipe, 1).apply(pipe)
    both = snapshot(pipe)
    with pytest.raises(PatchError, match="another patch was applied after it"):
        first.remove()
    assert unchanged(pipe, both)
    second.remove()
    first.remove()
    assert unchanged(pipe, before)


def test_patches_of_different_weights_come_off_in_any_order(pipe: Any) -> None:
    before = snapshot(pipe)
    for order in itertools.permutations(range(2)):
        handles = [make(pipe, i, (FC2.format(i),)).apply(pipe) for i in range(2)]
        for i in order:
            handles[i].remove()
        assert unchanged(pipe, before)


def test_removing_twice_does_nothing(pipe: Any) -> None:
    before = snapshot(pipe)
    handle = make(pipe).apply(pipe)
    assert handle.active
    handle.remove()
    assert not handle.active
    later = make(pipe, 1).apply(pipe)
    handle.remove()
    assert not unchanged(pipe, before)
    later.remove()
    assert unchanged(pipe, before)


def test_originals_follow_a_cast_in_between(pipe: Any) -> None:
    expected = {name: value.half() for name, value in snapshot(pipe).items()}
    handle = make(pipe).apply(pipe)
    pipe.to(torch.float16)
    handle.remove()
    assert unchanged(pipe, expected)


def test_what_is_applied_for_good_changes_the_same_and_keeps_nothing(pipe: Any) -> None:
    before, patch = snapshot(pipe), make(pipe)
    with patch.applied_to(pipe):
        wanted = snapshot(pipe)
    handle = patch.apply(pipe, removable=False)
    assert unchanged(pipe, wanted)
    assert not handle.active
    handle.remove()
    assert unchanged(pipe, wanted)
    with pytest.raises(PatchError, match="changed since"):
        patch.check(pipe)
    with make(pipe, 1).applied_to(pipe):
        assert not unchanged(pipe, wanted)
    assert unchanged(pipe, wanted)
    assert not unchanged(pipe, before)


def test_nothing_stays_on_what_may_be_removed(pipe: Any) -> None:
    before = snapshot(pipe)
    under = make(pipe, 0).apply(pipe)
    both = snapshot(pipe)
    with pytest.raises(PatchError, match="lies under it; remove that one first"):
        make(pipe, 1).apply(pipe, removable=False)
    assert unchanged(pipe, both)
    under.remove()
    assert unchanged(pipe, before)
