"""Z-Image: a chat with a language model, and a transformer that reads its tokens at their own number."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from overpaint.backbone.loading import backbone_of
from overpaint.backbone.sampling import generators
from overpaint.backbone.z_image import ZImage
from overpaint.errors import BackboneError
from tests.backbone.alike import block_by_block
from tests.models import HAS_Z_IMAGE, tiny_z_image

pytestmark = pytest.mark.skipif(not HAS_Z_IMAGE, reason="this diffusers has no Z-Image")

PROMPTS = ["a hen and a dog", "a dog", ""]
SEEDS = [3, 1, 4]


@pytest.fixture(scope="module")
def model() -> ZImage:
    return ZImage(tiny_z_image(), side=8)


@torch.no_grad()
def test_conditions_are_those_of_the_pipeline(model: ZImage) -> None:
    expected = model.pipe._encode_prompt(list(PROMPTS))
    found = model.encode(PROMPTS)
    assert found.mask is not None
    for states, mask, own in zip(found.states, found.mask, expected, strict=True):
        torch.testing.assert_close(states[mask], own, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("guidance", [0.0, 4.0])
def test_same_pictures_as_the_pipeline(model: ZImage, guidance: float) -> None:
    ours = model.sample(PROMPTS, SEEDS, steps=3, guidance=guidance)
    theirs = model.pipe(
        list(PROMPTS),
        height=16,
        width=16,
        num_inference_steps=3,
        guidance_scale=guidance,
        generator=generators(SEEDS),
        output_type="latent",
    ).images
    assert torch.allclose(ours, theirs, atol=1e-4 * float(theirs.abs().max()))


def test_phrases_are_found_inside_the_chat(model: ZImage) -> None:
    text = model.text
    found = text.locate("a {} in a house", "hen")
    assert found.prompt == "a hen in a house"
    ids = text.tokenize([found.prompt])[0]
    assert text.tokenizer.decode(ids[found.start : found.stop]) == "hen"
    assert text.tokenizer.decode(ids[: text.begin]) == "<|im_start|>user\n"
    assert text.tokenizer.decode(ids[: found.end + 1]).endswith("<|im_start|>assistant\n")
    assert text.end_positions(ids[None]).tolist() == [found.end]
    # the turns of a chat end with the end token, which would cut the prompt of a CLIP short
    assert text.tokenizer.eos_token_id in ids[: found.end].tolist()
    empty = text.locate_empty()
    assert (empty.prompt, empty.last) == ("", text.begin - 1)
    with pytest.raises(BackboneError, match="text window"):
        text.locate("{}", "x" * 600)


@torch.no_grad()
def test_block_by_block_is_the_model_itself(model: ZImage) -> None:
    text = model.text
    ids = text.tokenize(["a dog"])
    ids = ids[:, : int(text.end_positions(ids)) + 1]
    torch.testing.assert_close(block_by_block(text, ids), model.pipe.text_encoder(ids).last_hidden_state)
    assert text.fc2_name(1) == "text_encoder.layers.1.mlp.down_proj.weight"


def test_the_layer_that_reads_text(model: ZImage) -> None:
    (reading,) = model.readings
    (layer,) = reading.layers.values()
    states = model.encode(["a dog"]).states
    expected = model.transformer.cap_embedder(states)
    torch.testing.assert_close(layer(reading.readers[0].encode(["a dog"])), expected)


def test_it_is_told_from_others_and_refused_with_strange_parts() -> None:
    assert isinstance(backbone_of(tiny_z_image()), ZImage)
    pipe = tiny_z_image()
    pipe.transformer.register_to_config(cap_feat_dim=64)
    with pytest.raises(BackboneError, match="the parts belong to different models"):
        backbone_of(pipe)


def test_true_size_without_weights() -> None:
    """The published configuration on the meta device: 6.15 thousand million parameters."""
    from diffusers import ZImageTransformer2DModel

    with torch.device("meta"):
        transformer: Any = ZImageTransformer2DModel()
    assert 6.1e9 < sum(p.numel() for p in transformer.parameters()) < 6.2e9
