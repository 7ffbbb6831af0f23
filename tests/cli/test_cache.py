from __future__ import annotations

from pathlib import Path

import pytest
import torch

from overpaint.cli.cache import SharingStore, cache_folder
from overpaint.runs.bank import MemoryBank

MOMENT = {"total": torch.ones(3)}


def store(folder: Path) -> SharingStore:
    return SharingStore(MemoryBank(folder / "run"), MemoryBank(folder / "cache"))


def test_statistics_are_found_by_the_next_run_and_memories_are_not(tmp_path: Path) -> None:
    first = store(tmp_path)
    first.put("moments", MOMENT, {"what": "second moment"})
    first.put("memory", MOMENT, {"source": "a private name"})
    second = SharingStore(MemoryBank(tmp_path / "other"), MemoryBank(tmp_path / "cache"))
    found = second.get("moments")
    assert found is not None
    assert torch.equal(found["total"], MOMENT["total"])
    assert second.get("memory") is None
    assert first.get("memory") is not None
    assert list(first.cache.keys()) == ["moments"]


def test_a_cache_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    writing = store(tmp_path)
    writing.put("moments", MOMENT, {"what": "second moment"})
    assert writing.get("moments") is not None


def test_the_place_can_be_chosen_or_switched_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OVERPAINT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("OVERPAINT_CACHE", "")
    assert cache_folder() is None
    monkeypatch.delenv("OVERPAINT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "overpaint"
