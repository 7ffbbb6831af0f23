"""Families whose text encoder is a language model: folders, and LoRA files of the transformer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.loading import backbone_of
from overpaint.backbone.parameters import named_parameters
from overpaint.backbone.z_image import ZImage
from overpaint.errors import BackboneError, PatchError
from overpaint.formats.checkpoint import write_checkpoint
from overpaint.formats.folder import write_folder
from overpaint.formats.lora import adapter_of
from overpaint.formats.lora_file import write_lora
from overpaint.formats.published import read_published
from overpaint.patch import Delta, LowRank, Patch
from tests.formats.test_folder import equal
from tests.models import (
    HAS_FLUX2_KLEIN,
    HAS_QWEN_IMAGE,
    HAS_Z_IMAGE,
    tiny_flux2_klein,
    tiny_qwen_image,
    tiny_z_image,
)
from tests.patch.examples import matrix_of

MODELS: dict[str, Callable[[], Backbone]] = {}
if HAS_Z_IMAGE:
    MODELS["z-image"] = lambda: ZImage(tiny_z_image(), side=8)
if HAS_FLUX2_KLEIN:
    MODELS["flux2-klein"] = lambda: backbone_of(tiny_flux2_klein(window=32))
if HAS_QWEN_IMAGE:
    MODELS["qwen-image"] = lambda: backbone_of(tiny_qwen_image())

pytestmark = pytest.mark.skipif(not MODELS, reason="this diffusers has none of these families")


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> Backbone:
    return MODELS[request.param]()


def patch_of(pipe: Any, *kinds: str) -> Patch:
    """Low-rank changes, of two ranks by turns, of all matrices whose names have one of these parts."""
    generator = torch.Generator().manual_seed(0)
    deltas: dict[str, Delta] = {}
    for name, parameter in named_parameters(pipe).items():
        if parameter.ndim == 2 and not name.startswith("vae.") and any(kind in name for kind in kinds):
            rank = 2 + len(deltas) % 2
            up = torch.randn(parameter.shape[0], rank, generator=generator)
            down = torch.randn(rank, parameter.shape[1], generator=generator)
            deltas[name] = LowRank(up * 0.3, down * 0.3)
    assert deltas
    return Patch.made_on(pipe, deltas, {})


@torch.no_grad()
def velocity(model: Backbone) -> Tensor:
    latents = torch.randn(1, *model.latent_shape, generator=torch.Generator().manual_seed(1))
    return model.predict(latents, torch.tensor([500.0]), model.encode(["a dog"]))


def test_a_folder_with_an_edited_language_model_is_read_back_to_the_bit(model: Backbone, tmp_path: Path) -> None:
    pipe = model.pipe
    patch_of(pipe, "mlp.down_proj").apply(pipe)
    folder = write_folder(pipe, tmp_path / "model")
    assert equal(type(pipe).from_pretrained(folder), pipe)


def test_diffusers_does_with_a_lora_of_the_transformer_what_the_patch_does(model: Backbone, tmp_path: Path) -> None:
    pipe = model.pipe
    patch = patch_of(pipe, ".to_k.", ".to_v.", ".to_out.", ".to_qkv_mlp_proj.")
    before = velocity(model)
    path = write_lora(adapter_of(patch, pipe), pipe, tmp_path / "lora.safetensors")
    with patch.applied_to(pipe):
        wanted = velocity(model)
    pipe.load_lora_weights(str(tmp_path), weight_name=path.name)
    found = velocity(model)
    pipe.unload_lora_weights()
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)
    assert (wanted - before).abs().max() > 0.01
    again = read_published(path, pipe, "tiny")
    assert again.deltas.keys() == patch.deltas.keys()
    for name, delta in again.deltas.items():
        torch.testing.assert_close(matrix_of(delta), matrix_of(patch.deltas[name]), rtol=1e-4, atol=1e-5)


def test_what_has_no_file_is_refused_with_what_has(model: Backbone, tmp_path: Path) -> None:
    pipe = model.pipe
    adapter = adapter_of(patch_of(pipe, "layers.0.mlp.down_proj"), pipe)
    with pytest.raises(PatchError, match=r"no LoRA of a Qwen\w+; use overpaint patch apply"):
        write_lora(adapter, pipe, tmp_path / "lora.safetensors")
    for write in (lambda path: write_lora(adapter, pipe, path, "kohya"), lambda path: write_checkpoint(pipe, path)):
        with pytest.raises(BackboneError, match="write a diffusers folder"):
            write(tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())
