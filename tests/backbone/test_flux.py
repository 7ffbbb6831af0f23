"""FLUX.1: T5 token by token, CLIP as a whole, a flow transformer with or without a guidance scale."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import FluxTransformer2DModel

from overpaint.backbone.flux import Flux
from overpaint.backbone.loading import backbone_of, load
from overpaint.backbone.sampling import generators
from overpaint.errors import BackboneError
from tests.backbone.alike import block_by_block
from tests.models import tiny_flux

PROMPTS = ["a hen in a kitchen", "a dog", ""]
SEEDS = [3, 1, 4]


@pytest.fixture(scope="module", params=[True, False], ids=["dev", "schnell"])
def model(request: pytest.FixtureRequest) -> Flux:
    found = backbone_of(tiny_flux(guidance=request.param))
    assert isinstance(found, Flux)
    return found


def test_conditions_are_those_of_the_pipeline(model: Flux) -> None:
    states, pooled, _ = model.pipe.encode_prompt(PROMPTS, None, max_sequence_length=model.text.window)
    found = model.encode(PROMPTS)
    assert found.pooled is not None
    torch.testing.assert_close(found.states, states, rtol=1e-4, atol=1e-4)
    assert torch.equal(found.pooled, pooled)
    assert model.text.window == (512 if model.distilled else 256)
    assert (found.guidance is not None) == model.distilled


@pytest.mark.parametrize("guidance", [1.0, 3.5])
def test_same_pictures_as_the_pipeline(model: Flux, guidance: float) -> None:
    ours = model.sample(PROMPTS, SEEDS, steps=3, guidance=guidance)
    theirs = model.pipe(
        PROMPTS,
        num_inference_steps=3,
        guidance_scale=guidance,
        generator=generators(SEEDS),
        max_sequence_length=model.text.window,
        output_type="latent",
    ).images
    side = model.pipe.default_sample_size * model.pipe.vae_scale_factor
    theirs = model.pipe._unpack_latents(theirs, side, side, model.pipe.vae_scale_factor)
    assert torch.allclose(ours, theirs, atol=1e-4 * float(theirs.abs().max()))


def test_decoded_pictures_are_those_of_the_pipeline(model: Flux) -> None:
    ours = model.images(PROMPTS[:1], SEEDS[:1], steps=2)
    theirs = model.pipe(
        PROMPTS[:1],
        num_inference_steps=2,
        generator=generators(SEEDS[:1]),
        guidance_scale=model.guidance,
        max_sequence_length=model.text.window,
    ).images
    difference = torch.tensor(list(ours[0].tobytes())).int() - torch.tensor(list(theirs[0].tobytes())).int()
    assert difference.abs().max() <= 1


@torch.no_grad()
def test_a_perfect_velocity_gives_the_true_noise(model: Flux, monkeypatch: pytest.MonkeyPatch) -> None:
    x0, noise = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([0, 400, 999])
    x_t = model.add_noise(x0, noise, t)
    assert torch.equal(x_t[0], x0[0])
    monkeypatch.setattr(model, "predict", lambda *args: noise - x0)
    torch.testing.assert_close(model.predict_noise(x_t, t, model.encode(PROMPTS)), noise)


@torch.no_grad()
def test_t5_block_by_block_is_the_model_itself(model: Flux) -> None:
    text = model.text
    ids = text.tokenize(PROMPTS)
    torch.testing.assert_close(block_by_block(text, ids), model.pipe.text_encoder_2(ids)[0], rtol=1e-5, atol=1e-5)
    assert text.fc2_name(1) == "text_encoder_2.encoder.block.1.layer.1.DenseReluDense.wo.weight"
    assert not text.causal


def test_phrases_are_found_in_rows_without_a_begin_token(model: Flux) -> None:
    text = model.text
    found = text.locate("a {} in a kitchen", "hens")
    tokens = text.tokenizer.convert_ids_to_tokens(text.tokenize([found.prompt])[0].tolist())
    assert tokens[found.start : found.stop] == ["▁hen", "s"]
    assert tokens[found.end] == "</s>"
    assert tokens[found.end + 1] == "<pad>"
    assert text.end_positions(text.tokenize([found.prompt])).tolist() == [found.end]
    first = text.locate("{}", "dog")
    assert (first.start, first.stop, first.end) == (0, 1, 1)
    empty = text.locate_empty()
    assert (empty.last, empty.end) == (0, 0)
    short = Flux(tiny_flux(window=8)).text
    assert short.locate("{}", "dog dog dog dog dog dog dog").last == 6
    with pytest.raises(BackboneError, match="is number 8, the model's text window holds 7 tokens"):
        short.locate("{}", "dog dog dog dog dog dog dog dog")


def test_layers_that_read_text(model: Flux) -> None:
    tokens, whole = model.readings
    encoded = model.encode(PROMPTS)
    assert encoded.pooled is not None
    assert torch.equal(tokens.readers[0].encode(PROMPTS), encoded.states)
    assert torch.equal(tokens.readers[0].encode(PROMPTS, 3), encoded.states[:, :3])
    assert torch.equal(whole.readers[0].encode(PROMPTS)[:, 0], encoded.pooled)
    for reading in (tokens, whole):
        assert all(layer.in_features == reading.readers[0].width for layer in reading.layers.values())
    assert model.token_encoders == [model.text]


def test_a_folder_comes_back(model: Flux, tmp_path: Any) -> None:
    model.pipe.save_pretrained(tmp_path)
    again = load(tmp_path, device="cpu")
    again.default_sample_size = 8
    assert backbone_of(again).fingerprint == model.fingerprint


def test_relatives_are_refused() -> None:
    pipe = tiny_flux()
    pipe.transformer.register_to_config(in_channels=96)
    with pytest.raises(BackboneError, match="not fill, depth or canny"):
        backbone_of(pipe)
    pipe = tiny_flux()
    pipe.transformer.register_to_config(pooled_projection_dim=64)
    with pytest.raises(BackboneError, match="the parts belong to different models"):
        backbone_of(pipe)


def test_true_size_without_weights() -> None:
    """FLUX.1 [dev] on the meta device: 11,901 million parameters."""
    with torch.device("meta"):
        transformer: Any = FluxTransformer2DModel(guidance_embeds=True)
    assert sum(p.numel() for p in transformer.parameters()) == 11_901_408_320
    assert tuple(transformer.context_embedder.weight.shape) == (3072, 4096)
    assert tuple(transformer.time_text_embed.text_embedder.linear_1.weight.shape) == (3072, 768)
