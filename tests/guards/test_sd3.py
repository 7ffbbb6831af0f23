"""Guards on Stable Diffusion 3: the same rules, for velocities that a transformer predicts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from overpaint.backbone.sampling import generators, initial_noise
from overpaint.backbone.stable_diffusion_3 import StableDiffusion3
from overpaint.errors import PatchError
from overpaint.guards import Guard, NegativePrompt, SafeGuidance
from overpaint.methods import METHODS, fit
from overpaint.plan import Plan
from tests.models import tiny_flux, tiny_sd3

CONCEPT = "pizza"
PROMPTS = ["photo of a cat", "hens in a kitchen"]
SEEDS = [7, 8]
SETTINGS: dict[str, Any] = {"guidance_scale": 5.0, "output_type": "latent"}


def called(pipe: Any, steps: int, **more: Any) -> torch.Tensor:
    sources = [torch.Generator().manual_seed(seed) for seed in SEEDS]
    found: torch.Tensor = pipe(PROMPTS, generator=sources, num_inference_steps=steps, **{**SETTINGS, **more}).images
    return found


def test_one_step_of_safe_guidance_is_the_formula() -> None:
    """Equations 3 to 6 of arXiv 2211.05105 by hand, where nothing has gathered in the momentum yet."""
    backbone = StableDiffusion3(tiny_sd3())
    scale, threshold, guidance = 3.0, 0.02, 5.0
    scheduler: Any = FlowMatchEulerDiscreteScheduler.from_config(backbone.pipe.scheduler.config)
    scheduler.set_timesteps(1)
    t = scheduler.timesteps[0]
    x = initial_noise(backbone.latent_shape, generators(SEEDS))
    with torch.no_grad():
        e0, e_s = (backbone.predict(x, t, backbone.encode([text]).repeat(2)) for text in ("", CONCEPT))
        e_p = backbone.predict(x, t, backbone.encode(PROMPTS))
    near = e_p - e_s < threshold
    mu = torch.where(near, (scale * (e_p - e_s).abs()).clamp(max=1), torch.zeros(()))
    assert 0 < near.float().mean() < 1
    bent = e0 + guidance * (e_p - mu * (e_s - e0) - e0)
    expected = scheduler.step(bent, t, x, return_dict=False)[0]
    with Guard(SafeGuidance(CONCEPT, 0, scale, threshold, 0.3, 0.4)).applied_to(backbone.pipe):
        ours = backbone.sample(PROMPTS, SEEDS, steps=1, guidance=guidance)
        theirs = called(backbone.pipe, 1)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(theirs, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(backbone.sample(PROMPTS, SEEDS, steps=1, guidance=guidance), expected, atol=1e-3)


@pytest.mark.parametrize("window", [256, 64])
def test_a_negative_prompt_is_that_of_diffusers_for_any_length_of_text(window: int) -> None:
    pipe = tiny_sd3()
    expected = called(pipe, 3, negative_prompt=[CONCEPT] * 2, max_sequence_length=window)
    with Guard(NegativePrompt(CONCEPT)).applied_to(pipe):
        found = called(pipe, 3, max_sequence_length=window)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(called(pipe, 3, max_sequence_length=window), expected, atol=1e-3)


def test_our_sampler_and_diffusers_draw_alike_and_each_drawing_begins_anew() -> None:
    backbone = StableDiffusion3(tiny_sd3())
    with Guard(SafeGuidance(CONCEPT, warmup=1, threshold=1.0, momentum=0.5, decay=0.7)).applied_to(backbone.pipe):
        ours, again = (backbone.sample(PROMPTS, SEEDS, steps=5, guidance=5.0) for _ in range(2))
        apart = backbone.sample(PROMPTS, SEEDS, steps=5, guidance=5.0, batch=1)
        theirs = called(backbone.pipe, 5)
    assert torch.equal(ours, again)
    torch.testing.assert_close(ours, apart, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_plan_makes_a_guard_for_it_and_none_for_flux() -> None:
    backbone = StableDiffusion3(tiny_sd3())
    found = fit(backbone, Plan.parse({"method": "sld", "edits": [{"erase": "dog"}]}))
    assert isinstance(found, Guard)
    assert {"sd3", "sdxl"} <= set(METHODS["sld"].families)
    assert "flux" not in METHODS["sld"].families
    with pytest.raises(PatchError, match="does not fit FluxPipeline"), found.applied_to(tiny_flux()):
        pass
