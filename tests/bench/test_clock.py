from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from overpaint.bench.clock import ClockedStore, noted_seconds
from overpaint.bench.fits import Fits
from overpaint.methods.store import TransientStore
from overpaint.runs.bank import MemoryBank
from tests.bench.test_fits import PLAN
from tests.methods.tiny import CAPTIONS, tiny_backbone

MEMORY = {"value": torch.zeros(1)}


class Clock:
    """Time as the test wants it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("overpaint.bench.clock.time", clock)
    return clock


def test_what_was_kept_counts_and_what_was_lost_does_not(clock: Clock, tmp_path: Path) -> None:
    path, store = tmp_path / "note.json", TransientStore()
    first = ClockedStore(store, path)
    clock.now += 7
    first.put("a", MEMORY, {})
    clock.now += 100  # and killed, nothing kept
    second = ClockedStore(store, path)
    clock.now += 5
    assert second.keep("b", MEMORY, {}) is store.entries["b"]
    assert noted_seconds(path) == 12
    clock.now += 1
    assert second.seconds == 13
    assert second.get("a") == MEMORY
    assert second.get("c") is None


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"seconds": -1}', '{"seconds": 1e999}', '{"seconds": null}'])
def test_a_damaged_note_begins_anew(clock: Clock, tmp_path: Path, note: str) -> None:
    path = tmp_path / "note.json"
    path.write_text(note)
    with pytest.raises(ValueError, match=r"second|Expecting"):
        noted_seconds(path)
    assert ClockedStore(TransientStore(), path).seconds == 0


class Killed(Exception):
    pass


def test_a_fit_that_was_killed_tells_the_time_of_all_its_parts(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each memory takes 10 s; the machine stood still for a day between."""
    backbone, kept = tiny_backbone(), []

    def put(self: MemoryBank, key: str, *others: Any, **more: Any) -> None:
        clock.now += 10
        kept.append(key)
        if len(kept) == stop:
            raise Killed
        whole(self, key, *others, **more)

    whole, stop = MemoryBank.put, 0
    monkeypatch.setattr(MemoryBank, "put", put)
    unbroken = Fits(tmp_path / "unbroken", CAPTIONS).fit(backbone.pipe, PLAN)[1]
    assert unbroken == 10 * len(kept) >= 20
    kept.clear()
    stop, fits = 2, Fits(tmp_path / "killed", CAPTIONS)
    with pytest.raises(Killed):
        fits.fit(backbone.pipe, PLAN)
    assert [noted_seconds(path) for path in (tmp_path / "killed").glob("*.begun.json")] == [10]
    clock.now += 86400
    stop = 0
    assert fits.fit(backbone.pipe, PLAN)[1] == unbroken
    assert not list((tmp_path / "killed").glob("*.begun.json"))
