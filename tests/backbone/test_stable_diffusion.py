from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from PIL import Image

from overpaint.backbone.condition import Condition
from overpaint.backbone.loading import backbone_of
from overpaint.backbone.sampling import generators
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.errors import BackboneError
from tests.models import tiny_sd


def latents(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


def backbone(prediction_type: str = "epsilon", **options: Any) -> StableDiffusion:
    return StableDiffusion(tiny_sd(prediction_type, **options))


def test_shapes_of_the_adapter() -> None:
    model = backbone(window=24)
    assert model.window == 24
    assert model.latent_shape == (4, 8, 8)
    assert model.text_encoders == [model.text]
    assert [reading.readers for reading in model.readings] == [(model.text,)]
    assert model.family == "emoji"
    assert len(model.alphas_cumprod) == 1000
    assert backbone(width=64, version=2, layers=2).prediction_type == "epsilon"


@pytest.mark.parametrize(("width", "family"), [(768, "sd1"), (1024, "sd2")])
def test_family_by_width(width: int, family: str) -> None:
    assert backbone(width=width, layers=1).family == family


def test_add_noise_is_the_forward_process() -> None:
    model = backbone()
    t = torch.tensor([0, 500, 999])
    x0, noise = latents(3), latents(3, 1)
    expected = DDPMScheduler.from_config(model.pipe.scheduler.config).add_noise(x0, noise, t)
    assert torch.allclose(model.add_noise(x0, noise, t), expected, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction", "sample"])
def test_predicted_noise_is_epsilon_whatever_the_network_predicts(prediction_type: str) -> None:
    """A network that predicted the truth in its own terms must come out as the true noise."""
    model = backbone(prediction_type)
    t = torch.tensor([10, 500, 990])
    x0, noise = latents(3), latents(3, 1)
    x_t = model.add_noise(x0, noise, t)
    abar = model.alphas_cumprod[t].reshape(-1, 1, 1, 1)
    truth = {"epsilon": noise, "v_prediction": abar.sqrt() * noise - (1 - abar).sqrt() * x0, "sample": x0}

    class Oracle(UNet2DConditionModel):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return (truth[prediction_type],)

    model.unet.__class__ = Oracle
    assert torch.allclose(model.predict_noise(x_t, t, model.encode(["", "", ""])), noise, atol=1e-4)


@torch.no_grad()
def test_v_prediction_agrees_with_the_scheduler() -> None:
    """One DDIM step to the end gives the same clean picture from our noise as from the network's velocity."""
    model = backbone("v_prediction")
    x_t, t, states = latents(2), torch.tensor([400, 400]), model.encode(["hen", "dog"])
    scheduler = DDPMScheduler.from_config(model.pipe.scheduler.config)
    expected = scheduler.step(model.predict(x_t, t, states), 400, x_t).pred_original_sample
    abar = model.alphas_cumprod[400]
    x0 = (x_t - (1 - abar).sqrt() * model.predict_noise(x_t, t, states)) / abar.sqrt()
    assert torch.allclose(x0, expected, atol=1e-4)


def test_gradient_reaches_the_text() -> None:
    model = backbone("v_prediction")
    states = model.text.encode(["hen"]).requires_grad_()
    model.predict_noise(latents(1), torch.tensor([500]), Condition(states)).square().sum().backward()
    assert states.grad is not None
    assert states.grad[0, 1].abs().sum() > 0


def test_images_are_fitted_encoded_and_scaled() -> None:
    model = backbone()
    coarse = Image.fromarray(np.random.default_rng(0).integers(0, 255, (4, 8, 3), dtype=np.uint8))
    wide = coarse.resize((80, 40), Image.Resampling.BICUBIC)
    middle = wide.crop((20, 0, 60, 40))
    mean, std = model.encode_images([wide, middle.convert("RGBA")])
    assert mean.shape == std.shape == (2, *model.latent_shape)
    assert torch.allclose(mean[0], mean[1], atol=2e-3)
    pixels = model.pipe.image_processor.preprocess(middle.resize((16, 16), Image.Resampling.BICUBIC))
    with torch.no_grad():
        posterior = model.vae.encode(pixels).latent_dist
    assert torch.allclose(mean[1], posterior.mean[0] * 0.18215, atol=1e-5)
    assert torch.allclose(std[1], posterior.std[0] * 0.18215, atol=1e-5)


def test_fingerprint_knows_weights_and_only_weights() -> None:
    a, b = backbone(), backbone()
    assert a.fingerprint == b.fingerprint
    with torch.no_grad():
        b.vae.decoder.conv_out.bias[0] += 1e-6
    assert StableDiffusion(b.pipe).fingerprint != a.fingerprint
    assert backbone(seed=1).fingerprint != a.fingerprint


def test_cross_attention_projections_read_the_text() -> None:
    model = backbone()
    layers = model.cross_attention_projections()
    count = sum(type(m).__name__ == "BasicTransformerBlock" for m in model.unet.modules())
    assert len(layers) == 2 * count > 0
    assert all(layer.in_features == model.text.width for layer in layers.values())
    assert all(model.unet.get_parameter(name.removeprefix("unet.")) is layer.weight for name, layer in layers.items())


@pytest.mark.parametrize(("version", "prediction_type"), [(1, "epsilon"), (2, "v_prediction")])
def test_published_structure(version: int, prediction_type: str) -> None:
    """All levels of SD 1.4's and 2.1's UNet: 16 cross-attention layers, the same pictures as the pipeline's."""
    model = backbone(prediction_type, version=version, full=True, layers=2)
    assert len(model.cross_attention_projections()) == 32
    prompts, seeds = ["a hen", "kitchen"], [0, 1]
    ours = model.sample(prompts, seeds, steps=2, guidance=5.0)
    options = {"num_inference_steps": 2, "guidance_scale": 5.0, "output_type": "latent"}
    theirs = model.pipe(prompts, generator=generators(seeds), **options).images
    assert torch.allclose(ours, theirs, atol=1e-4 * float(theirs.abs().max()))


def test_the_pipeline_is_left_as_it_was() -> None:
    pipe = tiny_sd()
    scheduler, processors = pipe.scheduler, pipe.unet.attn_processors
    before = {k: v.clone() for k, v in pipe.unet.state_dict().items()}
    StableDiffusion(pipe).images(["hen"], [0], steps=2)
    assert pipe.scheduler is scheduler
    assert scheduler.num_inference_steps is None
    assert pipe.unet.attn_processors == processors
    assert all(torch.equal(before[k], v) for k, v in pipe.unet.state_dict().items())
    assert all(p.requires_grad for p in pipe.unet.parameters())


def test_unsupported_pipelines_are_refused() -> None:
    pipe = tiny_sd()
    pipe.unet.register_to_config(in_channels=9)
    with pytest.raises(BackboneError, match="inpainting"):
        StableDiffusion(pipe)
    pipe = tiny_sd()
    pipe.scheduler.register_to_config(prediction_type="flow")
    with pytest.raises(BackboneError, match="prediction_type='flow'"):
        StableDiffusion(pipe)
    with pytest.raises(BackboneError, match="object: has no text_encoder; supported are"):
        backbone_of(object())
    pipe = tiny_sd()
    pipe.text_encoder = tiny_sd(width=64).text_encoder
    with pytest.raises(BackboneError, match="width 32, its text encoder gives 64"):
        StableDiffusion(pipe)
