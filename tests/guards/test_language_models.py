"""Guards on families with a language model, whose pipelines ask for predictions in lists or in two calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.flux2_klein import Flux2Klein
from overpaint.backbone.qwen_image import QwenImage
from overpaint.backbone.sampling import generators, initial_noise
from overpaint.backbone.z_image import ZImage
from overpaint.errors import PatchError, PlanError
from overpaint.guards import Guard, NegativePrompt, SafeGuidance
from overpaint.methods import METHODS, fit
from overpaint.plan import Plan
from tests.models import (
    HAS_FLUX2_KLEIN,
    HAS_QWEN_IMAGE,
    HAS_Z_IMAGE,
    tiny_flux2_klein,
    tiny_qwen_image,
    tiny_z_image,
)

CONCEPT = "a pizza of hens and dogs"
PROMPTS = ["a hen and a dog", "a dog"]
SEEDS = [7, 8]


def _z_image(backbone: Backbone, negative: str | None, guidance: float, **settings: Any) -> Tensor:
    found: Tensor = backbone.pipe(
        list(PROMPTS),
        negative_prompt=None if negative is None else [negative] * 2,
        height=16,
        width=16,
        guidance_scale=guidance,
        **settings,
    ).images
    return found


def _qwen_image(backbone: Backbone, negative: str | None, guidance: float, **settings: Any) -> Tensor:
    found = backbone.pipe(
        list(PROMPTS), negative_prompt=[negative or ""] * 2, true_cfg_scale=guidance, **settings
    ).images
    _, height, width = backbone.latent_shape
    side = backbone.pipe.vae_scale_factor
    return backbone.pipe._unpack_latents(found, height * side, width * side, side)[:, :, 0]


def _flux2_klein(backbone: Backbone, negative: str | None, guidance: float, **settings: Any) -> Tensor:
    more = {} if negative is None else {"negative_prompt_embeds": backbone.pipe.encode_prompt([negative] * 2)[0]}
    found = backbone.pipe(prompt=list(PROMPTS), guidance_scale=guidance, **more, **settings).images
    norm = backbone.vae.bn
    return (F.pixel_unshuffle(found, 2) - norm.running_mean[:, None, None]) / (
        norm.running_var[:, None, None] + backbone.vae.config.batch_norm_eps
    ).sqrt()


class Family(NamedTuple):
    made: Callable[[], Backbone]
    called: Callable[..., Tensor]


def _family(has: bool, *parts: Any) -> Any:
    return pytest.param(Family(*parts), marks=pytest.mark.skipif(not has, reason="this diffusers does not have it"))


each = pytest.mark.parametrize(
    "family",
    [
        _family(HAS_Z_IMAGE, lambda: ZImage(tiny_z_image(), side=8), _z_image),
        _family(HAS_QWEN_IMAGE, lambda: QwenImage(tiny_qwen_image()), _qwen_image),
        _family(HAS_FLUX2_KLEIN, lambda: Flux2Klein(tiny_flux2_klein()), _flux2_klein),
    ],
    ids=["z-image", "qwen-image", "flux2-klein"],
)


def called(
    family: Family, backbone: Backbone, steps: int, negative: str | None = None, guidance: float = 4.0
) -> Tensor:
    return family.called(
        backbone, negative, guidance, num_inference_steps=steps, generator=generators(SEEDS), output_type="latent"
    )


def assert_alike(found: Tensor, expected: Tensor) -> None:
    assert torch.allclose(found, expected, atol=2e-4 * float(expected.abs().max()))


@each
@torch.no_grad()
def test_safe_guidance_is_the_formula(family: Family) -> None:
    """Equations 3 to 8 of arXiv 2211.05105 by hand, for velocities that lead to noise, as in all other families."""
    backbone = family.made()
    momentum, decay, threshold, scale = 0.3, 0.4, 0.01, 100.0
    scheduler = backbone.scheduler(2, torch.device("cpu"))
    x, memory = initial_noise(backbone.latent_shape, generators(SEEDS)), torch.zeros(())
    empty, concept = (backbone.encode([text]).repeat(2) for text in ("", CONCEPT))
    prompts, guidance = backbone.guided(backbone.encode(PROMPTS), 4.0)
    for t in scheduler.timesteps:
        e0, e_s, e_p = (backbone.predict(x, t, condition) for condition in (empty, concept, prompts))
        near = e_p - e_s < threshold
        assert 0 < near.float().mean() < 1
        mu = torch.where(near, (scale * (e_p - e_s).abs()).clamp(max=1), torch.zeros(()))
        term = mu * (e_s - e0) + momentum * memory
        memory = decay * memory + (1 - decay) * term
        x = scheduler.step(backbone.combined(e0, e_p - term, guidance), t, x, return_dict=False)[0]
    with Guard(SafeGuidance(CONCEPT, 0, scale, threshold, momentum, decay)).applied_to(backbone.pipe):
        assert_alike(backbone.sample(PROMPTS, SEEDS, steps=2, guidance=4.0), x)
        assert_alike(called(family, backbone, 2), x)
    plain = backbone.sample(PROMPTS, SEEDS, steps=2, guidance=4.0)
    assert (plain - x).abs().max() > 0.003 * x.abs().max()


@each
def test_a_negative_prompt_is_that_of_diffusers(family: Family) -> None:
    backbone = family.made()
    plain, expected = (called(family, backbone, 3, negative) for negative in (None, CONCEPT))
    with Guard(NegativePrompt(CONCEPT)).applied_to(backbone.pipe):
        assert_alike(called(family, backbone, 3), expected)
        assert_alike(backbone.sample(PROMPTS, SEEDS, steps=3, guidance=4.0), expected)
    assert (plain - expected).abs().max() > 0.01 * expected.abs().max()
    assert torch.equal(called(family, backbone, 3), plain)


@each
def test_our_sampler_and_diffusers_draw_alike_and_each_drawing_begins_anew(family: Family) -> None:
    backbone = family.made()
    with Guard(SafeGuidance(CONCEPT, warmup=1, threshold=1.0, momentum=0.5, decay=0.7)).applied_to(backbone.pipe):
        ours, again = (backbone.sample(PROMPTS, SEEDS, steps=4, guidance=4.0) for _ in range(2))
        apart = backbone.sample(PROMPTS, SEEDS, steps=4, guidance=4.0, batch=1)
        theirs, once_more = (called(family, backbone, 4) for _ in range(2))
    assert torch.equal(ours, again)
    assert torch.equal(theirs, once_more)
    assert_alike(apart, ours)
    assert_alike(theirs, ours)


@each
def test_drawing_without_guidance_passes_untouched(family: Family) -> None:
    backbone = family.made()
    ours, theirs = backbone.sample(PROMPTS, SEEDS, steps=2, guidance=0.0), called(family, backbone, 2, guidance=0.0)
    with Guard(SafeGuidance(CONCEPT, warmup=0, threshold=1.0)).applied_to(backbone.pipe):
        assert torch.equal(backbone.sample(PROMPTS, SEEDS, steps=2, guidance=0.0), ours)
        assert torch.equal(called(family, backbone, 2, guidance=0.0), theirs)


@each
@torch.no_grad()
def test_two_prompts_with_the_same_noise_are_guarded_like_any(family: Family) -> None:
    """A batch of the same latents twice, which is not the batch of both predictions."""
    backbone = family.made()
    settings: dict[str, Any] = {"num_inference_steps": 3, "output_type": "latent"}
    expected = family.called(backbone, CONCEPT, 4.0, generator=generators([7, 7]), **settings)
    with Guard(NegativePrompt(CONCEPT)).applied_to(backbone.pipe):
        assert_alike(family.called(backbone, None, 4.0, generator=generators([7, 7]), **settings), expected)


@each
def test_training_passes_untouched(family: Family) -> None:
    """A teacher's prediction and one with gradients are not the two of a drawing."""
    backbone = family.made()
    x, t = initial_noise(backbone.latent_shape, generators(SEEDS)), torch.tensor(500.0)
    prompts, empty = backbone.encode(PROMPTS), backbone.encode([""]).repeat(2)
    with torch.no_grad():
        plain = backbone.predict(x, t, empty)
    with Guard(NegativePrompt(CONCEPT)).applied_to(backbone.pipe):
        with torch.no_grad():
            backbone.predict(x, t, prompts)
        assert_alike(backbone.predict(x, t, empty).detach(), plain)


@pytest.mark.skipif(not HAS_FLUX2_KLEIN, reason="this diffusers does not have it")
def test_plans_for_models_that_know_no_guidance_are_refused() -> None:
    plan = Plan.parse({"method": "sld", "edits": [{"erase": "dog"}]})
    found = fit(Flux2Klein(tiny_flux2_klein()), plan)
    assert isinstance(found, Guard)
    distilled = tiny_flux2_klein(distilled=True)
    with pytest.raises(PatchError, match="does not fit Flux2KleinPipeline"), found.applied_to(distilled):
        pass
    with pytest.raises(PlanError, match="method: sld acts on guidance, and this model is distilled to draw without"):
        fit(Flux2Klein(distilled), plan)
    assert {"z-image", "qwen-image", "flux2-klein"} <= set(METHODS["negative"].families)
