"""Pictures of an anchor are its own: drawn once, whatever else a run ablates, and kept in parts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from overpaint.methods import records
from overpaint.methods.ablation.ablations import Ablation
from overpaint.methods.ablation.config import AblationConfig
from overpaint.methods.ablation.drawn import drawn
from overpaint.methods.store import TransientStore
from overpaint.progress import Silent
from tests.methods.tiny import tiny_backbone

CONFIG = AblationConfig(image_steps=2, guidance=3.0)
DOG = Ablation("hens", "dog", ("photo of {}", "{}"), 1)
CAT = Ablation("pizza", "cat", ("photo of {}",), 2)


def made(store: TransientStore, *named: Ablation, count: int = 3, **settings: Any) -> Tensor:
    config = CONFIG.model_copy(update=settings)
    return drawn(tiny_backbone(), named, count, config, store, Silent(), "anchor pictures")


def test_pictures_do_not_depend_on_the_rest_of_a_run() -> None:
    store = TransientStore()
    both = made(store, DOG, CAT)
    assert torch.equal(both[:3], made(TransientStore(), DOG))
    kept = set(store.entries)
    assert torch.equal(made(store, CAT), both[3:])
    assert set(store.entries) == kept
    assert {meta["source"] for meta in store.meta.values()} == {"hens", "pizza"}
    for settings in ({"image_steps": 3}, {"guidance": 2.0}, {"precision": "bfloat16"}):
        before = len(store.entries)
        made(store, DOG, **settings)
        assert len(store.entries) == before + 1


def test_a_stopped_run_loses_one_part(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopping(TransientStore):
        def put(self, key: str, tensors: dict[str, Tensor], meta: dict[str, str]) -> None:
            if len(self.entries) == 2:
                raise KeyboardInterrupt
            super().put(key, tensors, meta)

    monkeypatch.setattr(records, "PART", 2)
    store = Stopping()
    with pytest.raises(KeyboardInterrupt):
        made(store, DOG, CAT)
    ends = TransientStore()
    ends.entries, ends.meta = dict(store.entries), dict(store.meta)
    assert [len(entry["latents"]) for entry in ends.entries.values()] == [2, 1]
    assert torch.equal(made(ends, DOG, CAT), made(TransientStore(), DOG, CAT))
    assert len(ends.entries) == 4
