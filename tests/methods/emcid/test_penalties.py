"""Factors of second moments are made once, and are to the bit the same whether made or found."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import overpaint.linear.moments as linear
import overpaint.methods.emcid.penalties as module
import overpaint.methods.emcid.work as counting
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.linear.ridge import penalty
from overpaint.methods.emcid.moments import key_moments
from overpaint.methods.emcid.penalties import penalties_of
from overpaint.methods.store import TransientStore
from overpaint.progress import Silent
from tests.methods.tiny import CAPTIONS, tiny_backbone

BLOCKS = (0, 1)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is gathered and factored from now on."""
    done: list[str] = []

    def noting(name: str) -> None:
        original = getattr(module, name)

        def noted(*args: Any, **named: Any) -> Any:
            done.append(name)
            return original(*args, **named)

        monkeypatch.setattr(module, name, noted)

    noting("key_moments")
    noting("penalty")
    return done


def asked(backbone: StableDiffusion, store: TransientStore, padding: float = 1.0) -> Any:
    return penalties_of(backbone, backbone.text, CAPTIONS, BLOCKS, padding, store, Silent())


@pytest.mark.parametrize("padding", [0.0, 0.5])
def test_the_factor_is_that_of_the_moments(padding: float) -> None:
    backbone = tiny_backbone(double=True)
    moments = key_moments(backbone.text, CAPTIONS, BLOCKS, padding > 0)
    penalty_of = asked(backbone, TransientStore(), padding)
    for block in BLOCKS:
        torch.testing.assert_close(penalty_of(block).moment, penalty(moments[block].mean(padding)).moment)


def test_nothing_is_made_twice(work: list[str]) -> None:
    backbone, store = tiny_backbone(), TransientStore()
    penalty_of = asked(backbone, store)
    assert work == []
    made = [penalty_of(block).cholesky for block in BLOCKS]
    assert work == ["key_moments", "penalty", "penalty"]
    found = [asked(backbone, store)(block).cholesky for block in BLOCKS]
    assert len(work) == 3
    for one, other in zip(made, found, strict=True):
        assert torch.equal(one, other)
        assert one.stride() == other.stride()  # solvers round by the layout
    asked(backbone, store, padding=0.5)(0)
    assert work[3:] == ["penalty"]


def test_what_is_lacking_is_gathered_in_one_pass(work: list[str]) -> None:
    backbone, store = tiny_backbone(), TransientStore()
    asked(backbone, store)(1)
    assert work == ["key_moments", "penalty"]
    assert len(store.entries) == len(BLOCKS) + 1


def test_another_model_has_its_own(work: list[str]) -> None:
    store = TransientStore()
    first, other = (asked(tiny_backbone(seed=seed), store)(0).cholesky for seed in (0, 1))
    assert not torch.allclose(first, other)
    assert work == ["key_moments", "penalty"] * 2


def test_what_is_held_is_what_a_dry_run_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the numbers of 8 bytes that moments and factors are made of; states have 4."""
    for one in (linear, counting):
        monkeypatch.setattr(one, "BAND", 8)
    backbone, blocks = tiny_backbone(layers=6), tuple(range(6))
    told = counting.matrices([(backbone.text, blocks)], 1)[1]
    penalty_of = penalties_of(backbone, backbone.text, CAPTIONS, blocks, 0.5, Elsewhere(), Silent())
    with Held() as held:
        for block in blocks:
            penalty_of(block)
    assert told / 2 < held.most <= told
    whole = backbone.text.key_width**2 * 8
    assert held.most < 2 * len(blocks) * whole


class Elsewhere(TransientStore):
    """As on a disk: nothing of what it keeps is held."""

    def put(self, key: str, tensors: Mapping[str, Tensor], meta: Mapping[str, str]) -> None:
        self.files = {**getattr(self, "files", {}), key: save(dict(tensors))}

    def get(self, key: str) -> dict[str, Tensor] | None:
        known = getattr(self, "files", {}).get(key)
        return None if known is None else load(known)


class Held(TorchDispatchMode):
    """The most bytes that tensors of float64 take together, views counted with what they show."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self._sizes: dict[int, int] = {}
        self._seen: Counter[int] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor) and tensor.dtype == torch.float64:
                place = tensor.untyped_storage().data_ptr()
                self._sizes[place] = tensor.untyped_storage().nbytes()
                self._seen[place] += 1
                weakref.finalize(tensor, self._gone, place)
        self.most = max(self.most, sum(self._sizes.values()))
        return out

    def _gone(self, place: int) -> None:
        self._seen[place] -= 1
        if not self._seen[place]:
            self._sizes.pop(place, None)
