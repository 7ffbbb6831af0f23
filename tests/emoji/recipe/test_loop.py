"""A killed and resumed training run must end with the very weights of an unbroken one."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from overpaint.emoji.recipe.loop import Stage, StepRandom, one_cycle, run
from overpaint.emoji.recipe.optimizer import HybridMuon


def stage(steps: int, fail_at: int | None = None) -> Stage:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 3))

    def loss(step: int, random: StepRandom) -> tuple[torch.Tensor, dict[str, float]]:
        if step == fail_at:
            raise KeyboardInterrupt
        x = torch.randn(8, 3, generator=random.torch) + random.numpy.random()
        return (model(x) - x).square().mean(), {}

    return Stage(
        "toy", model, HybridMuon(model, 0.01), loss, steps, 8, lambda s: one_cycle(s, 20), ema=0.9, save_seconds=0
    )


def test_resumed_equals_unbroken(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    unbroken = stage(20)
    run(unbroken, whole)
    with pytest.raises(KeyboardInterrupt):
        run(stage(20, fail_at=9), broken)
    resumed = stage(20)
    run(resumed, broken)
    assert resumed.done == 20
    for name, tensor in unbroken.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name])
    for name, tensor in unbroken.averaged.items():
        assert torch.equal(tensor, resumed.averaged[name])


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    run(stage(3), tmp_path)
    before = (tmp_path / "toy.safetensors").read_bytes()
    bad = stage(6)
    bad.loss = lambda step, random: (sum(p.sum() for p in bad.model.parameters()) * float("nan"), {})
    with pytest.raises(FloatingPointError, match="step 3"):
        run(bad, tmp_path)
    assert (tmp_path / "toy.safetensors").read_bytes() == before


def test_the_rate_rises_holds_and_falls() -> None:
    rates = [one_cycle(s, 100, warmup=0.1, cooldown=0.5) for s in range(100)]
    assert rates[0] < 0.1
    assert rates[20] == rates[49] == 1.0
    assert rates[99] < 0.02
    assert all(a >= b for a, b in pairwise(rates[50:]))
