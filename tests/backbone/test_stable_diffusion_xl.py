"""SDXL's base model: two encoders, a pooled state, picture sizes."""

from __future__ import annotations

from typing import Any

import diffusers
import pytest
import torch
from diffusers import UNet2DConditionModel

from overpaint.backbone.loading import backbone_of, load
from overpaint.backbone.sampling import generators
from overpaint.backbone.stable_diffusion_xl import StableDiffusionXL
from overpaint.errors import BackboneError
from tests.models import tiny_sdxl

PROMPTS = ["a hen in a kitchen", "a dog", ""]
SEEDS = [3, 1, 4]


@pytest.fixture(scope="module")
def model() -> StableDiffusionXL:
    found = backbone_of(tiny_sdxl())
    assert isinstance(found, StableDiffusionXL)
    return found


def test_conditions_are_those_of_the_pipeline(model: StableDiffusionXL) -> None:
    """Both encoders' states before the last block side by side, the second's projected end token beside them."""
    states, nothing, pooled, nothing_pooled = model.pipe.encode_prompt(PROMPTS, device="cpu")
    found = model.encode(PROMPTS)
    assert found.pooled is not None
    assert torch.equal(found.states, states)
    assert torch.equal(found.pooled, pooled)
    empty = model.unconditional()
    assert empty.pooled is not None
    assert torch.equal(empty.states, nothing[:1])
    assert torch.equal(empty.pooled, nothing_pooled[:1])
    assert not empty.states.any()
    encoded = StableDiffusionXL(tiny_sdxl(zeros=False)).unconditional()
    assert torch.equal(encoded.states, states[2:])


@pytest.mark.parametrize("scheduler", ["EulerDiscreteScheduler", "DDIMScheduler", "EulerAncestralDiscreteScheduler"])
def test_same_pictures_as_the_pipeline(scheduler: str) -> None:
    """Scaled inputs, guidance by zeros, sizes and crops: all as in diffusers."""
    model = StableDiffusionXL(tiny_sdxl(scheduler=getattr(diffusers, scheduler)))
    for negative in ("", "a cat"):
        ours = model.sample(PROMPTS, SEEDS, steps=4, guidance=5.0, negative=negative)
        theirs = model.pipe(
            PROMPTS,
            negative_prompt=[negative] * 3 if negative else None,
            num_inference_steps=4,
            guidance_scale=5.0,
            generator=generators(SEEDS),
            output_type="latent",
        ).images
        assert torch.allclose(ours, theirs, atol=1e-4 * float(theirs.abs().max()))


def test_decoded_pictures_are_those_of_the_pipeline(model: StableDiffusionXL) -> None:
    ours = model.images(PROMPTS[:1], SEEDS[:1], steps=2)
    theirs = model.pipe(PROMPTS[:1], num_inference_steps=2, generator=generators(SEEDS[:1])).images
    difference = torch.tensor(list(ours[0].tobytes())).int() - torch.tensor(list(theirs[0].tobytes())).int()
    assert difference.abs().max() <= 1


def test_what_the_adapter_tells_of_the_model(model: StableDiffusionXL) -> None:
    assert model.family == "sdxl"
    assert [text.name for text in model.text_encoders] == ["text_encoder", "text_encoder_2"]
    assert [(text.depth, len(text.blocks)) for text in model.text_encoders] == [(2, 3), (3, 4)]
    (reading,) = model.readings
    assert reading.readers[0].width == 80
    assert all(layer.in_features == 80 for layer in reading.layers.values())
    assert torch.equal(reading.readers[0].encode(PROMPTS), model.encode(PROMPTS).states)
    torch.testing.assert_close(reading.readers[0].encode(PROMPTS, 4), model.encode(PROMPTS).states[:, :4])
    first, second = (text.tokenize(["a hen"])[0] for text in model.text_encoders)
    assert torch.equal(first[:4], second[:4])
    assert first[4] != second[4]


def test_published_structure() -> None:
    assert len(StableDiffusionXL(tiny_sdxl(depths=(1, 2, 10))).cross_attention_projections()) == 140


def test_a_half_precision_autoencoder_that_overflows_computes_in_float32_and_is_half_again() -> None:
    pipe = tiny_sdxl()
    pipe.vae.register_to_config(force_upcast=True)
    pipe.vae.half()
    before = {name: value.clone() for name, value in pipe.vae.state_dict().items()}
    seen: list[torch.dtype] = []
    pipe.vae.decoder.register_forward_pre_hook(lambda module, args: seen.append(args[0].dtype))
    StableDiffusionXL(pipe).decode(torch.zeros(1, 4, 8, 8, dtype=torch.float16))
    assert seen == [torch.float32]
    assert all(torch.equal(before[name], value) for name, value in pipe.vae.state_dict().items())


def test_a_folder_comes_back_with_both_encoders(model: StableDiffusionXL, tmp_path: Any) -> None:
    model.pipe.save_pretrained(tmp_path)
    again = backbone_of(load(tmp_path, device="cpu"))
    assert again.family == "sdxl"
    assert again.fingerprint == model.fingerprint
    with torch.no_grad():
        again.pipe.text_encoder_2.text_projection.weight[0, 0] += 1e-6
    assert StableDiffusionXL(again.pipe).fingerprint != model.fingerprint


def test_relatives_are_refused() -> None:
    pipe = tiny_sdxl()
    pipe.register_to_config(requires_aesthetics_score=True)
    with pytest.raises(BackboneError, match="take the base, not the refiner"):
        backbone_of(pipe)
    pipe = tiny_sdxl()
    pipe.text_encoder = None
    with pytest.raises(BackboneError, match="has no text_encoder"):
        backbone_of(pipe)
    pipe = tiny_sdxl()
    pipe.unet.register_to_config(cross_attention_dim=64)
    with pytest.raises(BackboneError, match="width 64, its text encoder gives 80"):
        backbone_of(pipe)


def test_true_size_without_weights() -> None:
    """The published configuration on the meta device: 2,567 million parameters, 140 matrices that read text."""
    with torch.device("meta"):
        unet: Any = UNet2DConditionModel(
            sample_size=128,
            block_out_channels=(320, 640, 1280),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2, 10),
            layers_per_block=2,
            cross_attention_dim=2048,
            attention_head_dim=(5, 10, 20),
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
        )
    read = [m for n, m in unet.named_modules() if n.endswith(("attn2.to_k", "attn2.to_v"))]
    assert sum(p.numel() for p in unet.parameters()) == 2_567_463_684
    assert len(read) == 140
    assert sum(m.weight.numel() for m in read) == 340_787_200
