"""Closed forms are computed where float64 is: what comes back from there meets what stayed on an Apple GPU.

Fake tensors know devices and shapes, no numbers, so this needs no such GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from overpaint.linear.precision import exact
from overpaint.methods.emcid import spread
from overpaint.methods.emcid.keys import Prompts, average
from overpaint.methods.gates.detectors import _whitening
from overpaint.methods.gates.examples import Own
from overpaint.methods.gates.fit import _values

CONCEPTS, ROWS, WIDTH = 2, 3, 4
AWAY = "cuda"
"""Stands in for Apple's, which fake tensors are not indexed on where torch was built without it."""


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("overpaint.linear.precision.exact_device", lambda device: torch.device("cpu"))
    # how many numbers it gives depends on its input's
    monkeypatch.setattr(torch, "bincount", lambda x, minlength=CONCEPTS: x.new_ones(minlength))
    with FakeTensorMode():
        yield


def states(*shape: int) -> Tensor:
    return torch.empty(*(shape or (ROWS, WIDTH)), device=AWAY)


def owner() -> Tensor:
    return torch.zeros(ROWS, dtype=torch.long, device=AWAY)


def prompts() -> Prompts:
    return Prompts(torch.zeros(ROWS, 5, dtype=torch.long, device=AWAY), owner(), owner(), owner(), owner(), CONCEPTS)


def test_a_mean_is_exact_elsewhere() -> None:
    assert average(states(), owner(), CONCEPTS).device.type == exact(states()).device.type == "cpu"


def test_conditions_of_stage_two_are_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "sources", lambda *_: prompts())
    monkeypatch.setattr(spread, "_anchors", lambda *_: states())
    tasks: Any = [SimpleNamespace(edit=SimpleNamespace(prompts=("{}",)))] * CONCEPTS
    made = spread._at_last(None, tasks, states(CONCEPTS, WIDTH), 0, [("{}", "a {}"), ("{}",)])  # type: ignore[arg-type]
    assert made.shares is not None
    assert made.group is not None
    assert {t.device.type for t in (made.values, made.shares, made.group)} == {"cpu"}


def test_gates_are_found_and_filled() -> None:
    assert _whitening(states(), states(), owner(), CONCEPTS, 1.0).device.type == AWAY
    own = Own(states(), states(), owner(), states(), owner(), owner())
    assert _values(exact(states(ROWS, CONCEPTS)), own).device.type == "cpu"
