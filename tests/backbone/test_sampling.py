from __future__ import annotations

from typing import Any

import diffusers
import pytest
import torch

from overpaint.backbone import sampling
from overpaint.backbone.sampling import default_batch, generators, initial_noise
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.errors import BackboneError
from tests.models import tiny_sd

SCHEDULERS = [
    ("DDIM", "epsilon"),
    ("DDIM", "v_prediction"),
    ("PNDM", "epsilon"),
    ("DPMSolverMultistep", "v_prediction"),
    ("EulerDiscrete", "epsilon"),
    ("EulerAncestralDiscrete", "epsilon"),
    ("DDPM", "v_prediction"),
]
PROMPTS = ["a hen", "a dog", "a hen", "kitchen", ""]
SEEDS = [3, 1, 4, 1, 2**62]


@pytest.fixture(params=SCHEDULERS, ids="-".join)
def model(request: pytest.FixtureRequest) -> StableDiffusion:
    name, prediction_type = request.param
    return StableDiffusion(tiny_sd(prediction_type, scheduler=getattr(diffusers, name + "Scheduler"), layers=1))


def stock(model: StableDiffusion, guidance: float, **options: Any) -> torch.Tensor:
    """The same pictures from the pipeline itself."""
    out: torch.Tensor = model.pipe(
        PROMPTS,
        num_inference_steps=6,
        guidance_scale=guidance,
        generator=generators(SEEDS),
        output_type="latent",
        **options,
    ).images
    return out


@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_same_pictures_as_the_pipeline(model: StableDiffusion, guidance: float) -> None:
    ours = model.sample(PROMPTS, SEEDS, steps=6, guidance=guidance)
    theirs = stock(model, guidance)
    assert torch.allclose(ours, theirs, atol=1e-4 * float(theirs.abs().max()))


def test_a_picture_does_not_depend_on_its_batch(model: StableDiffusion) -> None:
    whole = model.sample(PROMPTS, SEEDS, steps=6, guidance=5.0)
    scale = float(whole.abs().max())
    assert torch.allclose(model.sample(PROMPTS, SEEDS, steps=6, guidance=5.0, batch=2), whole, atol=1e-4 * scale)
    alone = model.sample(PROMPTS[2:3], SEEDS[2:3], steps=6, guidance=5.0)
    assert torch.allclose(alone[0], whole[2], atol=1e-4 * scale)


@pytest.fixture(scope="module")
def plain() -> StableDiffusion:
    return StableDiffusion(tiny_sd(layers=2))


def test_negative_prompt(plain: StableDiffusion) -> None:
    ours = plain.sample(PROMPTS, SEEDS, steps=6, guidance=5.0, negative="a cat")
    theirs = stock(plain, 5.0, negative_prompt=["a cat"] * len(PROMPTS))
    assert torch.allclose(ours, theirs, atol=1e-4 * float(theirs.abs().max()))
    assert not torch.allclose(ours, plain.sample(PROMPTS, SEEDS, steps=6, guidance=5.0), atol=1e-2)


def test_conditions_instead_of_prompts(plain: StableDiffusion) -> None:
    """Encoding prompts in another batch rounds differently; that is all."""
    conditions = plain.encode(PROMPTS)
    assert torch.allclose(plain.sample(conditions, SEEDS, steps=3), plain.sample(PROMPTS, SEEDS, steps=3), atol=1e-3)


def test_each_distinct_prompt_is_encoded_once(plain: StableDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    tokenize = plain.text.tokenize

    def counting(prompts: list[str]) -> torch.Tensor:
        seen.extend(prompts)
        return tokenize(prompts)

    monkeypatch.setattr(plain.text, "tokenize", counting)
    plain.sample(["a hen"] * 5 + ["a dog"], range(6), steps=1)
    assert sorted(seen) == ["", "a dog", "a hen"]


def test_pictures_equal_the_pipelines_own(plain: StableDiffusion) -> None:
    ours = plain.images(PROMPTS, SEEDS, steps=4, guidance=5.0)
    theirs = plain.pipe(PROMPTS, num_inference_steps=4, guidance_scale=5.0, generator=generators(SEEDS)).images
    for a, b in zip(ours, theirs, strict=True):
        assert a.size == b.size
        difference = torch.tensor(list(a.tobytes())).int() - torch.tensor(list(b.tobytes())).int()
        assert difference.abs().max() <= 1


def test_progress_reaches_the_number_of_pictures(plain: StableDiffusion) -> None:
    from contextlib import contextmanager

    class Counter:
        done = 0.0
        total: int | None = None

        @contextmanager
        def task(self, name: str, total: int | None = None, unit: str = "it") -> Any:
            self.total = total

            def advance(steps: float = 1, note: str = "") -> None:
                self.done += steps

            yield advance

    counter = Counter()
    plain.sample(PROMPTS, SEEDS, steps=7, batch=2, progress=counter)
    assert counter.total == 5
    assert counter.done == pytest.approx(5)


def test_pictures_that_do_not_fit_together_are_drawn_in_parts(
    plain: StableDiffusion, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = (["a dog", "pizza", "hens"], [1, 2, 3], 2)
    wanted = plain.sample(*asked)
    original, sizes = sampling.sample, []

    def little(denoise: Any, scheduler: Any, conditions: Any, empty: Any, seeds: Any, *rest: Any) -> Any:
        sizes.append(len(seeds))
        if len(seeds) > 2:
            raise torch.OutOfMemoryError
        return original(denoise, scheduler, conditions, empty, seeds, *rest)

    monkeypatch.setattr(sampling, "sample", little)
    torch.testing.assert_close(plain.sample(*asked), wanted, rtol=1e-4, atol=1e-4)
    assert sizes == [3, 2, 1]
    assert caplog.messages == ["not enough memory for 3 pictures at once, going on with 2"]


def test_no_prompts_no_pictures(plain: StableDiffusion) -> None:
    assert plain.sample([], []).shape == (0, 4, 8, 8)
    assert plain.images([], []) == []


def test_one_seed_per_prompt(plain: StableDiffusion) -> None:
    with pytest.raises(ValueError, match="2 prompts and 1 seeds"):
        plain.sample(["a", "b"], [1])


def test_noise_is_that_of_the_seed() -> None:
    noise = initial_noise((4, 8, 8), generators([5, 6, 5]))
    assert torch.equal(noise[0], noise[2])
    assert not torch.equal(noise[0], noise[1])


def test_batch_fits_the_latents() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert default_batch((4, 16, 16), cpu) == 32
    assert default_batch((4, 96, 96), cpu) == 1
    assert default_batch((4, 64, 64), gpu) == 16


def test_lower_precision_draws_nearly_the_same_and_leaves_the_weights() -> None:
    model = StableDiffusion(tiny_sd("epsilon", layers=1))
    before = {name: value.clone() for name, value in model.denoiser.state_dict().items()}
    whole = model.sample(PROMPTS, SEEDS, steps=3, guidance=5.0)
    quick = model.sample(PROMPTS, SEEDS, steps=3, guidance=5.0, precision="bfloat16")
    assert quick.dtype == whole.dtype
    away = (quick - whole).norm() / whole.norm()
    assert 1e-6 < away < 0.1  # eight bits of mantissa
    assert all(torch.equal(value, before[name]) for name, value in model.denoiser.state_dict().items())
    assert torch.equal(model.sample(PROMPTS, SEEDS, steps=3, guidance=5.0), whole)


def test_more_steps_than_there_are_timesteps_are_refused_in_a_line() -> None:
    model = StableDiffusion(tiny_sd(layers=1))
    with pytest.raises(BackboneError, match="1001 sampling steps: the model has 1000; ask for at most that many"):
        model.scheduler(1001, torch.device("cpu"))
    assert len(model.scheduler(1000, torch.device("cpu")).timesteps) >= 1000
