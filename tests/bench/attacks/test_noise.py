from __future__ import annotations

import pytest
import torch

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.bench.attacks.ddim import levels, sample
from overpaint.bench.attacks.noise import noise_loss, noisy
from overpaint.guards import Guard, NegativePrompt
from tests.models import tiny_sd


@pytest.fixture(scope="module")
def backbone() -> StableDiffusion:
    return StableDiffusion(tiny_sd(window=20))


def test_draws_spread_over_pictures_and_times(backbone: StableDiffusion) -> None:
    x0 = torch.stack([torch.zeros(4, 8, 8), torch.ones(4, 8, 8)])
    draws = noisy(backbone, x0, 8, torch.Generator().manual_seed(0))
    assert sorted(draws.t.div(125, rounding_mode="floor").tolist()) == list(range(8))
    chosen = torch.arange(8) % 2
    assert torch.equal(draws.x_t, backbone.add_noise(x0[chosen], draws.noise, draws.t))
    assert len(torch.unique(draws.x_t, dim=0)) == 8
    again = noisy(backbone, x0, 8, torch.Generator().manual_seed(0))
    assert torch.equal(again.x_t, draws.x_t)


def test_the_loss_is_the_error_of_the_noise(backbone: StableDiffusion) -> None:
    draws = noisy(backbone, torch.zeros(1, 4, 8, 8), 3, torch.Generator().manual_seed(0))
    condition = backbone.encode(["a hen"])
    with torch.no_grad():
        made = [
            backbone.predict_noise(draws.x_t[n : n + 1], draws.t[n : n + 1], condition) - draws.noise[n : n + 1]
            for n in range(3)
        ]
        found = noise_loss(backbone, draws, condition)
    torch.testing.assert_close(found, torch.cat(made).square().mean())


def test_searches_see_no_guard(backbone: StableDiffusion) -> None:
    """It acts where pictures are drawn with guidance, and nowhere else."""
    draws = noisy(backbone, torch.zeros(1, 4, 8, 8), 4, torch.Generator().manual_seed(0))
    condition = backbone.encode(["a hen"])

    def seen() -> list[torch.Tensor]:
        noise = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            loss = noise_loss(backbone, draws, condition)
        return [loss, sample(backbone, noise, condition.repeat(2), levels(backbone, 2))]

    bare, drawn = seen(), backbone.sample(["a hen"], [0], 2)
    with Guard(NegativePrompt("hen")).applied_to(backbone.pipe):
        assert not torch.equal(backbone.sample(["a hen"], [0], 2), drawn)
        for one, other in zip(seen(), bare, strict=True):
            assert torch.equal(one, other)
