from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import nn

from overpaint.formats.families import tensors_of
from overpaint.formats.folder import write_folder
from tests.formats.pipelines import PIPELINES


def everything(pipe: Any) -> dict[str, torch.Tensor]:
    """All tensors of all components under published names."""
    return {
        f"{component}.{name}": tensor
        for component, module in pipe.components.items()
        if isinstance(module, nn.Module)
        for name, tensor in tensors_of(module).items()
    }


def equal(a: Any, b: Any) -> bool:
    left, right = everything(a), everything(b)
    return left.keys() == right.keys() and all(
        left[name].dtype == right[name].dtype and torch.equal(left[name], right[name]) for name in left
    )


@pytest.mark.parametrize("family", PIPELINES)
def test_a_folder_is_read_back_to_the_bit_and_has_the_published_form(family: str, tmp_path: Path) -> None:
    pipe = PIPELINES[family]()
    folder = write_folder(pipe, tmp_path / "model")
    assert equal(type(pipe).from_pretrained(folder), pipe)
    with safe_open(str(folder / "text_encoder" / "model.safetensors"), framework="pt") as file:
        assert all(name.startswith(("text_model.", "text_projection.")) for name in file.keys())
    config = json.loads((folder / "text_encoder" / "config.json").read_text())
    assert config["torch_dtype"] == "float32"
    assert "dtype" not in config
    assert {path.name for path in (folder / "tokenizer").iterdir()} >= {"vocab.json", "merges.txt"}
    index = json.loads((folder / "model_index.json").read_text())
    if family in ("sd3", "flux"):
        last = "tokenizer_3" if family == "sd3" else "tokenizer_2"
        assert index[last] == ["transformers", "T5TokenizerFast"]


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_a_folder_of_half_precision_opens_and_draws_without_a_word_about_types(family: str, tmp_path: Path) -> None:
    pipe = PIPELINES[family]().to(torch.float16)
    again = type(pipe).from_pretrained(write_folder(pipe, tmp_path / "model"))
    assert {tensor.dtype for tensor in everything(again).values() if tensor.is_floating_point()} == {torch.float32}
    again.set_progress_bar_config(disable=True)
    assert len(again("a hen", num_inference_steps=1, height=32, width=32, output_type="latent").images) == 1


def test_the_old_tokenizer_files_mean_the_same(tmp_path: Path) -> None:
    from transformers import CLIPTokenizer

    pipe = PIPELINES["sd1"]()
    folder = write_folder(pipe, tmp_path / "model") / "tokenizer"
    (folder / "tokenizer.json").unlink(missing_ok=True)
    again = CLIPTokenizer.from_pretrained(str(folder))
    prompt = "a photo of a hen in the kitchen, Pizza's dog"
    assert again(prompt).input_ids == pipe.tokenizer(prompt).input_ids
