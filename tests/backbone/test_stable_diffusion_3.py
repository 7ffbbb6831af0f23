"""Stable Diffusion 3: rows of two CLIPs side by side, rows of T5 behind them, a flow transformer with guidance."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import SD3Transformer2DModel

from overpaint.backbone.loading import backbone_of
from overpaint.backbone.sampling import generators
from overpaint.backbone.stable_diffusion_3 import StableDiffusion3
from overpaint.errors import BackboneError
from tests.models import tiny_sd3

PROMPTS = ["a hen in a kitchen", "a dog", ""]
SEEDS = [3, 1, 4]


@pytest.fixture(scope="module")
def model() -> StableDiffusion3:
    found = backbone_of(tiny_sd3())
    assert isinstance(found, StableDiffusion3)
    return found


def test_conditions_are_those_of_the_pipeline(model: StableDiffusion3) -> None:
    states, _, pooled, _ = model.pipe.encode_prompt(PROMPTS, None, None, do_classifier_free_guidance=False)
    found = model.encode(PROMPTS)
    assert found.pooled is not None
    torch.testing.assert_close(found.states, states, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.pooled, pooled, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("negative", ["", "a cat"])
def test_same_pictures_as_the_pipeline(model: StableDiffusion3, negative: str) -> None:
    ours = model.sample(PROMPTS, SEEDS, steps=3, guidance=5.0, negative=negative)
    theirs = model.pipe(
        PROMPTS,
        negative_prompt=[negative] * 3,
        num_inference_steps=3,
        guidance_scale=5.0,
        generator=generators(SEEDS),
        output_type="latent",
    ).images
    assert torch.allclose(ours, theirs, atol=1e-4 * float(theirs.abs().max()))


def test_layers_that_read_text(model: StableDiffusion3) -> None:
    rows, whole = model.readings
    encoded = model.encode(PROMPTS)
    read = torch.cat([reader.encode(PROMPTS) for reader in rows.readers], dim=1)
    torch.testing.assert_close(read, encoded.states)
    assert encoded.pooled is not None
    torch.testing.assert_close(whole.readers[0].encode(PROMPTS)[:, 0], encoded.pooled)
    for reading in (rows, whole):
        for layer in reading.layers.values():
            assert all(layer.in_features == reader.width for reader in reading.readers)


def test_parts_of_other_models_are_refused() -> None:
    pipe = tiny_sd3()
    pipe.transformer.register_to_config(joint_attention_dim=64)
    with pytest.raises(BackboneError, match="the parts belong to different models"):
        backbone_of(pipe)
    pipe = tiny_sd3()
    pipe.text_encoder_3 = None
    with pytest.raises(BackboneError, match="has no text_encoder_3"):
        backbone_of(pipe)


def test_true_size_without_weights() -> None:
    """Stable Diffusion 3 medium on the meta device."""
    with torch.device("meta"):
        transformer: Any = SD3Transformer2DModel(
            num_layers=24, num_attention_heads=24, caption_projection_dim=1536, pos_embed_max_size=192
        )
    assert sum(p.numel() for p in transformer.parameters()) == 2_028_328_000
    assert tuple(transformer.context_embedder.weight.shape) == (1536, 4096)
