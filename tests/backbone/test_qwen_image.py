"""Qwen-Image: a chat whose task is not read, guidance that keeps lengths, an autoencoder of films."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from overpaint.backbone.loading import backbone_of, load
from overpaint.backbone.qwen_image import QwenImage
from overpaint.backbone.sampling import generators
from overpaint.errors import BackboneError
from tests.backbone.alike import block_by_block, same_pictures
from tests.models import HAS_QWEN_IMAGE, tiny_qwen_image

pytestmark = pytest.mark.skipif(not HAS_QWEN_IMAGE, reason="this diffusers has no Qwen-Image")

PROMPTS = ["a hen and a dog", "a dog", ""]
SEEDS = [3, 1, 4]


@pytest.fixture(scope="module")
def model() -> QwenImage:
    return QwenImage(tiny_qwen_image())


@torch.no_grad()
def test_conditions_are_those_of_the_pipeline(model: QwenImage) -> None:
    expected, read = model.pipe.encode_prompt(list(PROMPTS))
    found = model.encode(PROMPTS)
    assert found.mask is not None
    assert torch.equal(found.mask[:, : read.shape[1]], read.bool())
    assert not found.mask[:, read.shape[1] :].any()
    kept = read.bool()
    torch.testing.assert_close(found.states[:, : read.shape[1]][kept], expected[kept], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("guidance", [0.0, 4.0])
def test_same_pictures_as_the_pipeline(model: QwenImage, guidance: float) -> None:
    ours = model.sample(PROMPTS, SEEDS, steps=3, guidance=guidance)
    theirs = model.pipe(
        list(PROMPTS),
        negative_prompt=[""] * 3 if guidance else None,
        num_inference_steps=3,
        true_cfg_scale=guidance,
        generator=generators(SEEDS),
        output_type="latent",
    ).images
    theirs = model.pipe._unpack_latents(theirs, 16, 16, model.pipe.vae_scale_factor)[:, :, 0]
    assert torch.allclose(ours, theirs, atol=1e-4 * float(theirs.abs().max()))


def test_decoded_pictures_are_those_of_the_pipeline(model: QwenImage) -> None:
    ours = model.images(PROMPTS[:1], SEEDS[:1], steps=2, guidance=0.0)
    theirs = model.pipe(PROMPTS[:1], num_inference_steps=2, true_cfg_scale=0.0, generator=generators(SEEDS[:1])).images
    same_pictures(ours, theirs)


def test_phrases_are_found_inside_the_chat(model: QwenImage) -> None:
    text = model.text
    found = text.locate("a {} in a house", "hen")
    assert found.prompt == "a hen in a house"
    ids = text.tokenize([found.prompt])[0]
    assert text.tokenizer.decode(ids[found.start : found.stop]) == "hen"
    assert text.tokenizer.decode(ids[: text.begin]).endswith("<|im_start|>user\n")
    assert text.begin == model.unread
    assert text.tokenizer.decode(ids[: found.end + 1]).endswith("<|im_start|>assistant\n")
    assert text.end_positions(ids[None]).tolist() == [found.end]


@torch.no_grad()
def test_block_by_block_is_the_model_itself(model: QwenImage) -> None:
    text = model.text
    ids = text.tokenize(["a dog"])
    ids = ids[:, : int(text.end_positions(ids)) + 1]
    expected = model.pipe.text_encoder(ids, output_hidden_states=True).hidden_states[-1]
    torch.testing.assert_close(block_by_block(text, ids), expected, rtol=1e-4, atol=1e-4)
    assert text.fc2_name(1) == "text_encoder.model.language_model.layers.1.mlp.down_proj.weight"


@torch.no_grad()
def test_the_layer_that_reads_text(model: QwenImage) -> None:
    (reading,) = model.readings
    (layer,) = reading.layers.values()
    read = model.transformer.txt_norm(model.encode(["a dog"]).states)
    torch.testing.assert_close(reading.readers[0].encode(["a dog"])[:, model.unread :], read)
    assert layer is model.transformer.txt_in


def test_guidance_turns_tokens_and_keeps_their_lengths(model: QwenImage) -> None:
    without, along = torch.randn(2, 2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    made = model.combined(without, along, 4.0)
    corner = (slice(None), slice(None), slice(2, 4), slice(6, 8))
    torch.testing.assert_close(made[corner].flatten(1).norm(dim=1), along[corner].flatten(1).norm(dim=1))
    plain = without + 4 * (along - without)
    similarity = torch.nn.functional.cosine_similarity(made[corner].flatten(1), plain[corner].flatten(1))
    torch.testing.assert_close(similarity, torch.ones(2))


def test_it_is_told_from_others_and_refused_with_strange_parts() -> None:
    assert isinstance(backbone_of(tiny_qwen_image()), QwenImage)
    for name, value in (("joint_attention_dim", 64), ("in_channels", 24)):
        pipe = tiny_qwen_image()
        pipe.transformer.register_to_config(**{name: value})
        with pytest.raises(BackboneError, match="the parts belong to different models"):
            backbone_of(pipe)


def test_a_folder_comes_back(model: QwenImage, tmp_path: Any) -> None:
    model.pipe.save_pretrained(tmp_path)
    assert backbone_of(load(tmp_path, device="cpu")).fingerprint == model.fingerprint


def test_true_size_without_weights() -> None:
    """The published configuration on the meta device: 20.4 thousand million parameters."""
    from diffusers import QwenImageTransformer2DModel

    with torch.device("meta"):
        transformer: Any = QwenImageTransformer2DModel()
    assert 20e9 < sum(p.numel() for p in transformer.parameters()) < 21e9
    assert tuple(transformer.txt_in.weight.shape) == (3072, 3584)
