"""What the denoiser's layers read, from prompts and from the text encoders' work, in every family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.loading import backbone_of
from overpaint.backbone.z_image import ZImage
from tests.models import (
    HAS_FLUX2_KLEIN,
    HAS_QWEN_IMAGE,
    HAS_Z_IMAGE,
    tiny_flux,
    tiny_flux2_klein,
    tiny_qwen_image,
    tiny_sd,
    tiny_sd3,
    tiny_sdxl,
    tiny_z_image,
)

PROMPTS = ["photo of a dog", "hens in a kitchen"]
MODELS: dict[str, Callable[[], Any]] = {"sd": tiny_sd, "sdxl": tiny_sdxl, "flux": tiny_flux, "sd3": tiny_sd3}
if HAS_Z_IMAGE:
    MODELS["z-image"] = lambda: ZImage(tiny_z_image(), side=8)
if HAS_FLUX2_KLEIN:
    MODELS["flux2-klein"] = lambda: tiny_flux2_klein(window=64)
if HAS_QWEN_IMAGE:
    MODELS["qwen-image"] = tiny_qwen_image


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> Backbone:
    made = MODELS[request.param]()
    return made if isinstance(made, Backbone) else backbone_of(made)


def test_readers_find_their_states_in_the_encoders_work(model: Backbone) -> None:
    encoded = {text.name: text.encode_all(PROMPTS) for text in model.text_encoders}
    names = set()
    for reading in model.readings:
        for reader in reading.readers:
            states = reader.states_in(encoded)
            assert states.requires_grad
            torch.testing.assert_close(states.detach(), reader.encode(PROMPTS))
            assert all(layer.in_features == reader.width for layer in reading.layers.values())
            names |= {*reader.encoders}
    assert names == {text.name for text in model.text_encoders}


def test_the_metric_weighs_a_change_as_all_layers_together_do(model: Backbone) -> None:
    generator = torch.Generator().manual_seed(0)
    for reading, root in zip(model.readings, model.metrics, strict=True):
        change = torch.randn(3, reading.readers[0].width, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            made = [change @ layer.weight.double().mT for layer in reading.layers.values()]
        expected = sum(one.square().sum(dim=1) for one in made)
        torch.testing.assert_close((change @ root).square().sum(dim=1), expected, rtol=1e-5, atol=0)
