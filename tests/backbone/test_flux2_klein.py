"""FLUX.2 [klein]: states from three depths side by side, padding that reads the prompt, latents in squares."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from overpaint.backbone.flux2_klein import Flux2Klein
from overpaint.backbone.loading import backbone_of, load
from overpaint.backbone.sampling import generators
from overpaint.errors import BackboneError
from tests.backbone.alike import block_by_block, same_pictures
from tests.models import HAS_FLUX2_KLEIN, tiny_flux2_klein

pytestmark = pytest.mark.skipif(not HAS_FLUX2_KLEIN, reason="this diffusers has no FLUX.2 [klein]")

PROMPTS = ["a hen and a dog", "a dog", ""]
SEEDS = [3, 1, 4]


@pytest.fixture(scope="module")
def model() -> Flux2Klein:
    return Flux2Klein(tiny_flux2_klein())


@torch.no_grad()
def test_conditions_are_those_of_the_pipeline_padding_included(model: Flux2Klein) -> None:
    expected, _ = model.pipe.encode_prompt(list(PROMPTS))
    found = model.encode(PROMPTS)
    assert found.mask is None
    assert found.states.shape == (3, 512, 96)
    torch.testing.assert_close(found.states, expected, rtol=1e-3, atol=1e-3)
    ends = model.text.end_positions(model.text.tokenize(PROMPTS))
    # without the mask padding would read itself
    plain = model.text.read(model.text.embed(model.text.tokenize(PROMPTS)))
    for own, bare, end in zip(found.states, plain, ends.tolist(), strict=True):
        torch.testing.assert_close(own[: end + 1], bare[: end + 1], rtol=1e-3, atol=1e-3)
        assert (own[end + 3 :] - bare[end + 3 :]).abs().max() > 0.1


@pytest.mark.parametrize(("distilled", "guidance"), [(False, 0.0), (False, 4.0), (True, 4.0)])
def test_same_pictures_as_the_pipeline(distilled: bool, guidance: float) -> None:
    model = backbone_of(tiny_flux2_klein(distilled=distilled))
    assert model.guidance == (0.0 if distilled else 4.0)
    ours = model.sample(PROMPTS[:2], SEEDS[:2], steps=3, guidance=guidance)
    theirs = model.pipe(
        prompt=PROMPTS[:2],
        num_inference_steps=3,
        guidance_scale=guidance,
        generator=generators(SEEDS[:2]),
        output_type="latent",
    ).images
    bn = model.vae.bn
    theirs = F.pixel_unshuffle(theirs, 2)
    theirs = (theirs - bn.running_mean[:, None, None]) / (bn.running_var[:, None, None] + 1e-4).sqrt()
    assert torch.allclose(ours, theirs, atol=1e-4 * float(theirs.abs().max()))


def test_decoded_pictures_are_those_of_the_pipeline(model: Flux2Klein) -> None:
    ours = model.images(PROMPTS[:1], SEEDS[:1], steps=1, guidance=0.0)
    theirs = model.pipe(
        prompt=PROMPTS[:1], num_inference_steps=1, guidance_scale=0.0, generator=generators(SEEDS[:1])
    ).images
    same_pictures(ours, theirs)


def test_phrases_are_found_inside_the_chat(model: Flux2Klein) -> None:
    text = model.text
    found = text.locate("a {} in a house", "hen")
    ids = text.tokenize([found.prompt])[0]
    assert text.tokenizer.decode(ids[found.start : found.stop]) == "hen"
    assert text.tokenizer.decode(ids[: text.begin]) == "<|im_start|>user\n"
    assert text.tokenizer.decode(ids[: found.end + 1]).endswith("assistant\n<think>\n\n</think>\n\n")
    assert text.end_positions(ids[None]).tolist() == [found.end]
    assert text.padded


@torch.no_grad()
def test_block_by_block_is_the_model_itself(model: Flux2Klein) -> None:
    text = model.text
    ids = text.tokenize(["a dog"])
    ids = ids[:, : int(text.end_positions(ids)) + 1]
    found = block_by_block(text, ids)
    torch.testing.assert_close(found, model.pipe.text_encoder.model(ids).last_hidden_state, rtol=1e-4, atol=1e-4)
    assert text.fc2_name(1) == "text_encoder.model.layers.1.mlp.down_proj.weight"
    assert (text.depths, text.depth, text.given) == ((9, 18, 27), 9, 96)


def test_the_layer_that_reads_text(model: Flux2Klein) -> None:
    (reading,) = model.readings
    (layer,) = reading.layers.values()
    assert layer is model.transformer.context_embedder
    assert torch.equal(reading.readers[0].encode(["a dog"]), model.encode(["a dog"]).states)


def test_it_is_told_from_others_and_refused_with_strange_parts() -> None:
    assert isinstance(backbone_of(tiny_flux2_klein()), Flux2Klein)
    for part, name, value, message in (
        ("transformer", "joint_attention_dim", 64, "the parts belong to different models"),
        ("transformer", "in_channels", 24, "takes 24 channels, its latents have 16"),
        ("transformer", "guidance_embeds", True, r"FLUX.2 \[dev\]"),
    ):
        pipe = tiny_flux2_klein()
        getattr(pipe, part).register_to_config(**{name: value})
        with pytest.raises(BackboneError, match=message):
            backbone_of(pipe)
    with pytest.raises(BackboneError, match="of 20 blocks gives 96"):
        backbone_of(tiny_flux2_klein(layers=20))


def test_a_folder_comes_back(model: Flux2Klein, tmp_path: Any) -> None:
    model.pipe.save_pretrained(tmp_path)
    assert backbone_of(load(tmp_path, device="cpu")).fingerprint == model.fingerprint


def test_true_size_without_weights() -> None:
    """The published configuration of the 4B model on the meta device: 3.9 thousand million parameters."""
    from diffusers import Flux2Transformer2DModel

    with torch.device("meta"):
        transformer: Any = Flux2Transformer2DModel(
            num_layers=5, num_single_layers=20, num_attention_heads=24, joint_attention_dim=7680, guidance_embeds=False
        )
    assert 3.8e9 < sum(p.numel() for p in transformer.parameters()) < 4e9
    assert tuple(transformer.context_embedder.weight.shape) == (3072, 3 * 2560)
