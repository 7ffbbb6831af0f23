from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.hooks import AlignDevicesHook, add_hook_to_module
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import save_file

from overpaint.backbone import loading
from overpaint.backbone.loading import backbone_of, family_of, load
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.errors import BackboneError
from tests.models import (
    HAS_FLUX2_KLEIN,
    HAS_QWEN_IMAGE,
    tiny_flux,
    tiny_flux2_klein,
    tiny_qwen_image,
    tiny_sd,
    tiny_sd3,
    tiny_sdxl,
)

KINDS = [tiny_sdxl, tiny_sd3, tiny_flux]
KINDS += [tiny_flux2_klein] if HAS_FLUX2_KLEIN else []
KINDS += [tiny_qwen_image] if HAS_QWEN_IMAGE else []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny"
    tiny_sd().save_pretrained(path)
    return path


def test_folder_comes_back_as_it_was_saved(folder: Path) -> None:
    pipe = load(folder, device="cpu")
    assert pipe.safety_checker is None
    assert backbone_of(pipe).fingerprint == StableDiffusion(tiny_sd()).fingerprint


def test_folder_in_half_precision_is_loaded_whole(tmp_path: Path) -> None:
    """transformers would keep the file's type and diffusers would not; the mix does not run."""
    tiny_sd().to(torch.float16).save_pretrained(tmp_path)
    model = backbone_of(load(tmp_path, device="cpu"))
    assert model.dtype == model.text.dtype == torch.float32
    model.sample(["a hen"], [0], steps=1)
    assert backbone_of(load(tmp_path, device="cpu", dtype=torch.bfloat16)).text.dtype == torch.bfloat16


def test_pipeline_is_handed_back() -> None:
    pipe = tiny_sd()
    assert load(pipe) is pipe
    model = backbone_of(pipe)
    assert backbone_of(model) is model


def test_bundled_model_is_found_in_the_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_bundled", lambda: folder)
    model = backbone_of(load("emoji", device="cpu"))
    assert isinstance(model, StableDiffusion)
    assert model.window == 77


def test_mistakes_are_one_clear_line(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "model.ckpt").write_bytes(b"")
    (tmp_path / "broken.safetensors").write_bytes(b"broken")
    other = tmp_path / "other"
    other.mkdir()
    (other / "model_index.json").write_text(json.dumps({"_class_name": "KandinskyPipeline"}))
    half = tmp_path / "half"
    half.mkdir()
    (half / "model_index.json").write_text((folder / "model_index.json").read_text())
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / "model_index.json").write_text('{"_class_name": ')
    with pytest.raises(BackboneError, match="torn"):
        family_of(str(torn))
    cases = {
        "no such thing": "no such folder or file",
        str(tmp_path / "nowhere"): "no such folder or file",
        str(tmp_path / "empty"): "no model_index.json",
        str(tmp_path / "model.ckpt"): "only .safetensors",
        str(tmp_path / "missing.safetensors"): "no such file",
        str(tmp_path / "broken.safetensors"): "cannot be loaded",
        str(other): "is a KandinskyPipeline",
        str(half): "cannot be loaded",
        str(torn): r"model .*torn: .*line 1",
    }
    for model, expected in cases.items():
        with pytest.raises(BackboneError, match=expected) as caught:
            load(model, device="cpu")
        assert "\n" not in str(caught.value)
        assert model in str(caught.value)


def test_a_hub_that_cannot_be_reached_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as a file that the hub's model lacks, which is what diffusers makes of it."""

    def offline(*_: Any, **__: Any) -> str:
        raise LocalEntryNotFoundError("not in the cache") from ConnectionError("name or service not known")

    monkeypatch.setattr("diffusers.configuration_utils.hf_hub_download", offline)
    for opened in (load, family_of):
        with pytest.raises(BackboneError) as caught:
            opened("a/b")
        assert str(caught.value) == "model 'a/b': the hub cannot be reached; check the network, or give a folder"


@pytest.mark.skipif(not HAS_QWEN_IMAGE, reason="this diffusers has no Qwen-Image")
def test_files_of_the_transformer_alone_are_refused(tmp_path: Path) -> None:
    save_file({"txt_norm.weight": torch.zeros(8)}, tmp_path / "qwen.safetensors")
    with pytest.raises(BackboneError, match=r"the transformer of Qwen-Image alone; name a diffusers folder"):
        load(tmp_path / "qwen.safetensors", device="cpu")


@pytest.mark.parametrize("make", KINDS)
def test_every_kind_is_loaded_in_one_type_and_told_without_its_weights(make: Any, tmp_path: Path) -> None:
    pipe = make().to(torch.float16)
    pipe.save_pretrained(tmp_path)
    again = load(tmp_path, device="cpu", dtype=torch.bfloat16)
    model = backbone_of(again)
    assert {model.dtype, model.vae.dtype, *(text.dtype for text in model.text_encoders)} == {torch.bfloat16}
    assert family_of(str(tmp_path)) == model.family
    for file in tmp_path.rglob("*.safetensors"):
        file.unlink()
    assert family_of(str(tmp_path)) == model.family


@pytest.mark.parametrize("make", [tiny_sd, *KINDS])
def test_weights_are_read_in_the_type_that_is_wanted_and_never_held_in_another(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cast afterwards, a model would need memory for both."""
    make().to(torch.float16).save_pretrained(tmp_path)
    monkeypatch.setattr(loading, "_move", lambda *_: None)
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        model = backbone_of(load(tmp_path, device="cpu", dtype=dtype))
        assert {model.dtype, model.vae.dtype} == {dtype}
        assert all(text.fc2(0).weight.dtype == dtype or "wo" in text.fc2_name(0) for text in model.text_encoders)


def test_the_family_of_a_folder_and_of_a_single_file(folder: Path, tmp_path: Path) -> None:
    assert family_of("emoji") == family_of(str(folder)) == "emoji"
    assert family_of("sdxl") == "sdxl"
    keys = {
        "sd1": ("cond_stage_model.transformer.text_model.embeddings.token_embedding.weight", 768),
        "sd2": ("cond_stage_model.model.token_embedding.weight", 1024),
        "sdxl": ("conditioner.embedders.1.model.token_embedding.weight", 1280),
        "sd3": ("model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", 8),
        "flux": ("double_blocks.0.img_attn.qkv.weight", 8),
        "flux2-klein": ("double_stream_modulation_img.lin.weight", 8),
        "qwen-image": ("model.diffusion_model.txt_norm.weight", 8),
        "z-image": ("model.diffusion_model.cap_embedder.1.weight", 8),
    }
    for family, (key, width) in keys.items():
        path = tmp_path / f"{family}.safetensors"
        save_file({key: torch.zeros(2, width)}, path)
        assert family_of(str(path)) == family
    save_file({"lora_unet_x": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(BackboneError, match="no whole checkpoint"):
        family_of(str(tmp_path / "other.safetensors"))
    (tmp_path / "broken.safetensors").write_bytes(b"broken")
    with pytest.raises(BackboneError, match=r"broken.safetensors: is no safetensors file"):
        family_of(str(tmp_path / "broken.safetensors"))
    with pytest.raises(BackboneError, match="no such file"):
        family_of(str(tmp_path / "missing.safetensors"))


def test_an_offloaded_pipeline_stays_where_it_is() -> None:
    """Offloading puts a hook on each part; here it brings parts to the processor, as there is nothing else."""
    pipe = tiny_sd()
    add_hook_to_module(pipe.unet, AlignDevicesHook(execution_device="cpu"))
    assert load(pipe) is pipe
    with pytest.raises(BackboneError, match="leave device out"):
        load(pipe, device="cpu")
    assert backbone_of(pipe).sample(["a hen"], [0], steps=1).shape == (1, 4, 8, 8)


def test_a_single_file_takes_its_configuration_from_the_folder_beside_it_and_nothing_from_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tiny_sdxl()
    asked: dict[str, Any] = {}

    def from_single_file(path: str, **options: Any) -> Any:
        asked.update(options, path=path)
        return pipe

    monkeypatch.setattr("diffusers.StableDiffusionXLPipeline.from_single_file", from_single_file)
    path = tmp_path / "model.safetensors"
    save_file({"conditioner.embedders.1.model.token_embedding.weight": torch.zeros(2, 2)}, path)
    assert load(path, device="cpu") is pipe
    wanted = {**loading._typed(torch.float32), "path": str(path)}
    assert asked == wanted
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionXLPipeline"}))
    load(path, device="cpu")
    assert asked == {**wanted, "config": str(tmp_path / "model"), "local_files_only": True}
