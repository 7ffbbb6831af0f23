from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from overpaint.backbone import loading
from overpaint.backbone.loading import backbone_of, load
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.errors import BackboneError
from tests.models import tiny_sd


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
    assert backbone_of(load("emoji", device="cpu")).window == 77


def test_mistakes_are_one_clear_line(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "model.ckpt").write_bytes(b"")
    (tmp_path / "broken.safetensors").write_bytes(b"broken")
    other = tmp_path / "other"
    other.mkdir()
    (other / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    half = tmp_path / "half"
    half.mkdir()
    (half / "model_index.json").write_text((folder / "model_index.json").read_text())
    cases = {
        "no such thing": "no such folder or file",
        str(tmp_path / "nowhere"): "no such folder or file",
        str(tmp_path / "empty"): "no model_index.json",
        str(tmp_path / "model.ckpt"): "only .safetensors",
        str(tmp_path / "missing.safetensors"): "no such file",
        str(tmp_path / "broken.safetensors"): "cannot be loaded",
        str(other): "is a FluxPipeline",
        str(half): "cannot be loaded",
    }
    for model, expected in cases.items():
        with pytest.raises(BackboneError, match=expected) as caught:
            load(model, device="cpu")
        assert "\n" not in str(caught.value)
        assert model in str(caught.value)
