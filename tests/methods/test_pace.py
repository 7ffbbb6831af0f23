"""Seconds of counted work."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import overpaint.methods.pace as pacing
from overpaint.methods.pace import exact_seconds, seconds_of, trained_seconds
from overpaint.methods.work import Work
from tests.methods.tiny import tiny_backbone


class Watch:
    """A clock that a plain pass moves on by one second a row, one in halves by two, one with gradients by ten."""

    def __init__(self) -> None:
        self.now = 0.0
        self.passes: list[tuple[int, bool]] = []

    def monotonic(self) -> float:
        return self.now

    def hook(self, module: Any, args: tuple[Any, ...], output: Any) -> None:
        rows, learned = len(args[0]), bool(output[0].requires_grad)
        self.passes.append((rows, learned))
        halves = torch.is_autocast_enabled("cpu")
        self.now += rows * (10.0 if learned else 2.0 if halves else 1.0)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    monkeypatch.setattr(pacing, "time", watch)
    return watch


def test_passes_with_gradients_have_a_price_of_their_own(watch: Watch) -> None:
    backbone = tiny_backbone()
    handle = backbone.denoiser.register_forward_hook(watch.hook)
    assert seconds_of(backbone, Work(evaluations=100)) == 100.0
    assert not any(learned for _, learned in watch.passes)
    assert seconds_of(backbone, Work(evaluations=100, trained=30)) == 70.0 + 10 * 10.0
    assert trained_seconds(backbone, Work(evaluations=30, trained=30), "float32") == 100.0
    handle.remove()


def test_what_is_exact_is_timed_in_float32(watch: Watch) -> None:
    backbone = tiny_backbone()
    handle = backbone.denoiser.register_forward_hook(watch.hook)
    assert seconds_of(backbone, Work(evaluations=100), "bfloat16") == 200.0
    assert seconds_of(backbone, Work(evaluations=100, exact=40), "bfloat16") == 60 * 2.0 + 40.0
    assert exact_seconds(backbone, Work(evaluations=100, exact=40)) == 40.0
    handle.remove()


def test_no_work_times_nothing_and_the_model_is_left_as_it_was(watch: Watch) -> None:
    backbone = tiny_backbone()
    handle = backbone.denoiser.register_forward_hook(watch.hook)
    assert seconds_of(backbone, Work()) == 0.0
    assert watch.passes == []
    wanted = [parameter.requires_grad for parameter in backbone.denoiser.parameters()]
    seconds_of(backbone, Work(evaluations=3, trained=3))
    handle.remove()
    assert [parameter.requires_grad for parameter in backbone.denoiser.parameters()] == wanted
    assert all(parameter.grad is None for parameter in backbone.denoiser.parameters())
    assert torch.is_grad_enabled()
