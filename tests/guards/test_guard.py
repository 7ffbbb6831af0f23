"""Guards do what the published pipelines do, whoever draws, and leave no trace."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, PNDMScheduler

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.errors import PatchError
from overpaint.guards import Guard, NegativePrompt, SafeGuidance, load_change, scaled
from overpaint.methods.guards.config import CONFIGURATIONS
from overpaint.patch import Patch, container
from tests.models import tiny_sd

CONCEPT = "pizza"
PROMPTS = ["photo of a cat", "hens in a kitchen"]
SETTINGS: dict[str, Any] = {"guidance_scale": 5.0, "output_type": "np"}


def safe_pipeline(pipe: Any) -> Any:
    """diffusers' own, from the same parts."""
    try:
        from diffusers import StableDiffusionPipelineSafe

        safe: Any = StableDiffusionPipelineSafe(
            **{name: part for name, part in pipe.components.items() if name != "image_encoder"},
            requires_safety_checker=False,
        )
    except (ImportError, RuntimeError, AttributeError) as error:
        pytest.skip(f"this diffusers has no StableDiffusionPipelineSafe that can be made: {error}")
    safe.set_progress_bar_config(disable=True)
    safe.safety_concept = CONCEPT
    return safe


def drawn(pipe: Any, prompts: Any = "photo of a cat", steps: int = 17, **more: Any) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sources = [torch.Generator().manual_seed(7 + i) for i in range(1 if isinstance(prompts, str) else len(prompts))]
        found = pipe(prompts, generator=sources, num_inference_steps=steps, **SETTINGS, **more)
    images: np.ndarray = found.images
    return images


@pytest.mark.parametrize(
    ("configuration", "scheduler"),
    [*((name, DDIMScheduler) for name in CONFIGURATIONS), ("medium", PNDMScheduler), ("max", EulerDiscreteScheduler)],
)
def test_safe_guidance_draws_what_diffusers_safe_pipeline_draws(configuration: str, scheduler: type) -> None:
    pipe = tiny_sd(scheduler=scheduler)
    numbers: Any = CONFIGURATIONS[configuration]
    names = {"warmup": "warmup_steps", "scale": "guidance_scale", "decay": "mom_beta", "momentum": "momentum_scale"}
    theirs = {f"sld_{names.get(name, name)}": value for name, value in numbers.items()}
    expected = drawn(safe_pipeline(pipe), PROMPTS, **theirs)
    plain = drawn(pipe, PROMPTS)
    with Guard(SafeGuidance(CONCEPT, **numbers)).applied_to(pipe):
        found = drawn(pipe, PROMPTS)
    assert np.abs(found - expected).max() < 2e-5
    assert np.abs(found - plain).max() > 2e-4


@pytest.mark.parametrize("guidance", [5.0, 1.0])
def test_a_negative_prompt_is_that_of_diffusers(guidance: float) -> None:
    pipe = tiny_sd()
    settings = {**SETTINGS, "guidance_scale": guidance, "num_inference_steps": 4}
    source = torch.Generator()
    expected = pipe("a cat", negative_prompt=CONCEPT, generator=source.manual_seed(1), **settings).images
    with Guard(NegativePrompt(CONCEPT)).applied_to(pipe):
        found = pipe("a cat", generator=source.manual_seed(1), **settings).images
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "rule", [NegativePrompt(CONCEPT), SafeGuidance(CONCEPT, warmup=1, threshold=1.0)], ids=["negative", "sld"]
)
@pytest.mark.parametrize("scheduler", [DDIMScheduler, PNDMScheduler, DPMSolverMultistepScheduler])
def test_our_sampler_and_diffusers_call_draw_alike_under_a_guard(rule: Any, scheduler: type) -> None:
    pipe = tiny_sd(scheduler=scheduler)
    backbone = StableDiffusion(pipe)
    with Guard(rule).applied_to(pipe):
        ours = backbone.sample(PROMPTS, [7, 8], steps=6, guidance=5.0)
        theirs = pipe(
            PROMPTS,
            generator=[torch.Generator().manual_seed(seed) for seed in (7, 8)],
            num_inference_steps=6,
            guidance_scale=5.0,
            output_type="latent",
        ).images
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(ours, backbone.sample(PROMPTS, [7, 8], steps=6, guidance=5.0), atol=1e-2)


def test_every_drawing_begins_anew_and_does_not_depend_on_its_batch() -> None:
    backbone = StableDiffusion(tiny_sd())
    with Guard(SafeGuidance(CONCEPT, warmup=1, threshold=1.0, momentum=0.5, decay=0.7)).applied_to(backbone.pipe):
        together = backbone.sample(PROMPTS, [7, 8], steps=5, guidance=5.0)
        apart = backbone.sample(PROMPTS, [7, 8], steps=5, guidance=5.0, batch=1)
        # a drawing whose first time is the last one of the drawing before, which a clock alone cannot tell apart
        short = [backbone.sample(PROMPTS[:1], [7], steps=1, guidance=5.0) for _ in range(2)]
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-4)
    assert torch.equal(*short)


def test_what_is_no_guided_prediction_passes_untouched() -> None:
    backbone = StableDiffusion(tiny_sd())
    x, t = torch.randn(4, *backbone.latent_shape), torch.tensor([500, 500, 20, 20])
    states = backbone.encode(["a cat"] * 4)
    with torch.no_grad():
        expected = backbone.predict(x, t, states)
        plain = backbone.sample(PROMPTS, [1, 2], steps=3, guidance=1.0)
        with Guard(SafeGuidance(CONCEPT, warmup=0, threshold=1.0)).applied_to(backbone.pipe):
            assert torch.equal(backbone.predict(x, t, states), expected)
            assert torch.equal(backbone.sample(PROMPTS, [1, 2], steps=3, guidance=1.0), plain)


def traces(pipe: Any) -> list[dict[str, Any]]:
    """All attributes of all modules that a guard could touch."""
    modules = [module for part in (pipe.unet, pipe.text_encoder) for module in part.modules()]
    return [{k: set(v) if isinstance(v, dict) else v for k, v in vars(module).items()} for module in modules]


def test_leaving_restores_the_model_by_an_exception_too() -> None:
    pipe = tiny_sd()
    before = traces(pipe)
    with pytest.raises(RuntimeError, match="on the way"), Guard(NegativePrompt(CONCEPT)).applied_to(pipe):
        raise RuntimeError("on the way")
    assert traces(pipe) == before


def test_a_second_guard_is_refused_and_a_patch_is_not() -> None:
    pipe = tiny_sd()
    guard = Guard(NegativePrompt(CONCEPT))
    with guard.applied_to(pipe), pytest.raises(PatchError, match="another guard"), guard.applied_to(pipe):
        pass
    with guard.applied_to(pipe), Patch({}, {}).applied_to(pipe):
        pass


def test_a_guard_survives_its_file(tmp_path: Path) -> None:
    guard = Guard(SafeGuidance("pizza, hens", warmup=3), {"method": "sld", "model": "emoji"})
    path = guard.save(tmp_path / "patch.safetensors")
    back = load_change(path)
    assert isinstance(back, Guard)
    assert (back.rule, back.provenance, back.hash) == (guard.rule, guard.provenance, guard.hash)
    assert back.hash != Guard(SafeGuidance("pizza")).hash
    assert isinstance(load_change(Patch({}, {}).save(tmp_path / "other.safetensors")), Patch)
    with pytest.raises(PatchError, match="no guard"):
        Guard.load(tmp_path / "other.safetensors")
    with pytest.raises(PatchError, match="no such file"):
        load_change(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"concept": 3},
        {"concept": "pizza", "warmup": "x"},
        {"concept": "pizza", "novelty": 1},
        {"concept": "pizza", "warmup": True},
        {"concept": "pizza", "scale": float("nan")},
        {"concept": "pizza", "decay": float("-inf")},
        {"concept": "pizza", "threshold": 10**400},
    ],
)
def test_a_file_that_says_too_little_or_nonsense_of_its_guard_is_refused(tmp_path: Path, said: dict[str, Any]) -> None:
    path = container.write(tmp_path / "patch.safetensors", {}, {"guard": {"kind": "sld", **said}, "provenance": {}})
    with pytest.raises(PatchError, match="is damaged: what it says of its guard"):
        load_change(path)


def test_a_guard_has_no_strength_to_scale() -> None:
    guard = Guard(NegativePrompt(CONCEPT))
    assert guard.scale(1) is guard
    with pytest.raises(PatchError, match="no strength"):
        guard.scale(0.5)


def test_at_strength_1_a_change_is_itself() -> None:
    guard, patch = Guard(NegativePrompt(CONCEPT)), Patch({}, {}, {"method": "by hand"})
    assert scaled(guard, 1) is guard
    assert scaled(patch, 1.0) is patch
    assert scaled(patch, 0.5).provenance == {"method": "by hand", "scale": 0.5}
    with pytest.raises(PatchError, match="no strength"):
        scaled(guard, 0.5)
