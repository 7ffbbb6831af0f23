from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.backbone.stable_diffusion_3 import StableDiffusion3
from overpaint.bench.attacks.control import Shuffled
from overpaint.bench.attacks.ddim import Level, fixed_point, invert, levels, sample
from overpaint.bench.attacks.latent import LatentInversion
from overpaint.progress import Silent
from tests.bench.attacks.planted import target
from tests.models import tiny_sd, tiny_sd3


@pytest.fixture(scope="module", params=["epsilon", "v_prediction", "flow"])
def backbone(request: Any) -> Backbone:
    if request.param == "flow":
        return StableDiffusion3(tiny_sd3())
    return StableDiffusion(tiny_sd(request.param, window=20))


def latents(backbone: Backbone) -> torch.Tensor:
    return torch.randn(2, *backbone.latent_shape, generator=torch.Generator().manual_seed(0))


def test_the_way_there_and_back_reproduces_the_latents(backbone: Backbone) -> None:
    steps = 16 if getattr(backbone, "prediction_type", "") == "epsilon" else 6  # far from its data it is less smooth
    x0, condition, way = latents(backbone)[:1], backbone.encode([""]), levels(backbone, steps)
    noise = invert(backbone, x0, condition, way, 12)
    back = sample(backbone, noise, condition, way)
    assert (back - x0).square().mean().sqrt() < 0.01
    rough = sample(backbone, invert(backbone, x0, condition, way, 1), condition, way)
    assert (back - x0).norm() < 0.1 * (rough - x0).norm()


def test_a_row_does_not_depend_on_its_neighbours(backbone: Backbone) -> None:
    x0, condition, way = latents(backbone), backbone.encode([""]), levels(backbone, 3)
    both = invert(backbone, x0, condition.repeat(2), way, 3)
    torch.testing.assert_close(both[:1], invert(backbone, x0[:1], condition, way, 3), rtol=1e-3, atol=1e-3)


def test_sampling_is_that_of_ddim() -> None:
    """Against diffusers' own scheduler, between timesteps that it can step between."""
    pipe = tiny_sd(window=20)
    model = StableDiffusion(pipe)
    scheduler: Any = DDIMScheduler.from_config(pipe.scheduler.config, timestep_spacing="leading", steps_offset=0)
    scheduler.set_timesteps(5)
    one = torch.ones(1, 1, 1, 1)
    way = []
    for t in reversed(scheduler.timesteps.tolist()):
        at = torch.tensor([t])
        way.append(Level(t, model.add_noise(one, 0 * one, at).item(), model.add_noise(0 * one, one, at).item()))
    x, condition = latents(model), model.encode([""]).repeat(2)
    ours = sample(model, x, condition, way)
    with torch.no_grad():
        for t in scheduler.timesteps[:-1]:
            x = scheduler.step(model.predict_noise(x, t, condition), t, x, return_dict=False)[0]
    torch.testing.assert_close(ours, x, rtol=1e-4, atol=1e-4)


def test_fixed_points_of_each_row_are_found_faster_than_by_iterating() -> None:
    source = torch.Generator().manual_seed(0)
    turned = torch.linalg.qr(torch.randn(2, 6, 6, generator=source, dtype=torch.float64))[0]
    a = turned @ torch.diag(torch.linspace(-0.9, 0.95, 6, dtype=torch.float64)) @ turned.mT
    b = torch.randn(2, 6, generator=source, dtype=torch.float64)

    def function(x: torch.Tensor) -> torch.Tensor:
        return (a @ x[:, :, None])[:, :, 0] + b

    wanted = torch.linalg.solve(torch.eye(6, dtype=torch.float64) - a, b)
    found, plain = fixed_point(function, b, 30), b
    for _ in range(30):
        plain = function(plain)
    assert (found - wanted).norm() < 0.1 * (plain - wanted).norm()
    assert torch.equal(fixed_point(function, b, 1), function(b))


def test_what_has_converged_stays() -> None:
    start = torch.ones(2, 3)
    assert torch.equal(fixed_point(lambda x: torch.full_like(x, 2.0), start, 6), torch.full((2, 3), 2.0))


def test_a_model_that_knows_nothing_is_inverted_as_well() -> None:
    """The reason for the control: the probe's success is no proof of knowledge."""
    model = StableDiffusion(tiny_sd("v_prediction", window=20))
    before = {name: value.clone() for name, value in model.unet.state_dict().items()}
    attack = LatentInversion(pictures=1, steps=6, iterations=8)
    with Shuffled().applied_to(model.pipe):
        assert not torch.equal(model.unet.conv_in.weight, before["conv_in.weight"])
        assert torch.equal(
            *(one.flatten().sort().values for one in (model.unet.conv_in.weight, before["conv_in.weight"]))
        )
        (found,) = attack.attempts(model, target(), 0, Silent())
    assert found.measured["inversion error"] < 0.1
    assert all(torch.equal(value, before[name]) for name, value in model.unet.state_dict().items())


def test_control_is_the_same_for_the_same_seed_and_restores_after_errors() -> None:
    model = StableDiffusion(tiny_sd(window=20))
    before = model.unet.conv_in.weight.detach().clone()
    seen = []
    for seed in (0, 0, 1):
        with suppress(KeyboardInterrupt), Shuffled(seed).applied_to(model.pipe):
            seen.append(model.unet.conv_in.weight.detach().clone())
            raise KeyboardInterrupt
        assert torch.equal(model.unet.conv_in.weight, before)
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])
