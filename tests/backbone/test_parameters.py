from __future__ import annotations

import types

import pytest
import torch

from overpaint.backbone.parameters import named_parameters, resolve
from overpaint.backbone.text import TextEncoder
from overpaint.errors import BackboneError
from tests.models import tiny_sd, tiny_text_model, tiny_tokenizer

PUBLISHED = "text_encoder.text_model.encoder.layers.1.mlp.fc2.weight"


def test_names_are_the_published_ones_whatever_transformers_is_installed() -> None:
    pipe = tiny_sd()
    names = named_parameters(pipe)
    text = TextEncoder(pipe.text_encoder, pipe.tokenizer)
    assert text.fc2_name(1) == text.fc2_name(-2) == PUBLISHED
    assert names[PUBLISHED] is text.fc2(1).weight
    assert "text_encoder.text_model.final_layer_norm.bias" in names
    assert "unet.conv_in.weight" in names
    assert {name.partition(".")[0] for name in names} == {"text_encoder", "unet", "vae"}


def test_every_name_resolves_to_its_parameter() -> None:
    pipe = tiny_sd()
    for name, parameter in named_parameters(pipe).items():
        assert resolve(pipe, name) is parameter


def test_encoder_with_projection_has_the_same_names() -> None:
    model = tiny_text_model(tiny_tokenizer(), projection=True)
    pipe = types.SimpleNamespace(text_encoder_2=model)
    names = named_parameters(pipe)
    assert PUBLISHED.replace("text_encoder", "text_encoder_2") in names
    assert "text_encoder_2.text_projection.weight" in names


def test_shared_tensor_has_one_name_and_two_ways_to_it() -> None:
    pipe = tiny_sd()
    text = TextEncoder(pipe.text_encoder, pipe.tokenizer)
    text.fc2(2).weight = text.fc2(1).weight
    assert PUBLISHED in named_parameters(pipe)
    assert PUBLISHED.replace("1", "2") not in named_parameters(pipe)
    assert resolve(pipe, PUBLISHED.replace("1", "2")) is text.fc2(1).weight


@pytest.mark.parametrize(
    "name", ["unet.no.such", "tokenizer.x", "text_encoder", "text_encoder_2.a", "", "unet.conv_in"]
)
def test_unknown_names(name: str) -> None:
    with pytest.raises(BackboneError, match="has none of that name"):
        resolve(tiny_sd(), name)


def test_buffers_are_not_parameters() -> None:
    assert all(isinstance(p, torch.nn.Parameter) for p in named_parameters(tiny_sd()).values())
