from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.loaders.single_file_utils import convert_flux_transformer_checkpoint_to_diffusers
from safetensors import safe_open
from safetensors.torch import load_file

from overpaint.errors import BackboneError
from overpaint.formats.checkpoint import write_checkpoint
from overpaint.formats.flux import flux
from overpaint.formats.folder import write_folder
from overpaint.formats.places import laid_out
from tests.formats.pipelines import PIPELINES, sdxl
from tests.formats.test_folder import everything

READ_BACK = [name for name in PIPELINES if name != "flux"]
"""diffusers reads FLUX at its true width only; see the test of its names."""


@pytest.mark.parametrize("family", READ_BACK)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_diffusers_reads_the_file_back_to_the_bit(family: str, dtype: torch.dtype, tmp_path: Path) -> None:
    pipe = PIPELINES[family]().to(dtype)
    folder = write_folder(pipe, tmp_path / "model")
    path = write_checkpoint(pipe, tmp_path / "model.safetensors")
    again = type(pipe).from_single_file(str(path), config=str(folder), local_files_only=True, torch_dtype=dtype)
    left, right = everything(pipe), everything(again)
    assert left.keys() == right.keys()
    for name, tensor in left.items():
        assert torch.equal(tensor, right[name]), name


def test_names_of_flux_are_those_of_its_authors() -> None:
    """All tensors at their true shapes; a zero stride keeps them small, and each holds its own number."""
    inner, wide = 3072, 12288
    double = {
        **{f"attn.{name}": (inner, inner) for name in ("to_q", "to_k", "to_v", "to_out.0", "to_add_out")},
        **{f"attn.add_{name}_proj": (inner, inner) for name in "qkv"},
        **{f"attn.norm_{name}": (128,) for name in ("q", "k", "added_q", "added_k")},
        **{f"{side}.linear": (6 * inner, inner) for side in ("norm1", "norm1_context")},
        **{f"{side}.net.0.proj": (wide, inner) for side in ("ff", "ff_context")},
        **{f"{side}.net.2": (inner, wide) for side in ("ff", "ff_context")},
    }
    single = {
        **{f"attn.to_{name}": (inner, inner) for name in "qkv"},
        **{f"attn.norm_{name}": (128,) for name in "qk"},
        "norm.linear": (3 * inner, inner),
        "proj_mlp": (wide, inner),
        "proj_out": (inner, inner + wide),
    }
    outside = {
        "x_embedder": (inner, 64),
        "context_embedder": (inner, 4096),
        "proj_out": (64, inner),
        "norm_out.linear": (2 * inner, inner),
        **{
            f"time_text_embed.{kind}_embedder.linear_{i}": (inner, 256)
            for kind in ("timestep", "text", "guidance")
            for i in (1, 2)
        },
    }
    layers = outside | {f"transformer_blocks.0.{name}": shape for name, shape in double.items()}
    layers |= {f"single_transformer_blocks.0.{name}": shape for name, shape in single.items()}
    shapes = {f"{name}.weight": shape for name, shape in layers.items()}
    shapes |= {f"{name}.bias": shape[:1] for name, shape in layers.items() if "attn.norm_" not in name}
    tensors = {
        name: torch.tensor(number, dtype=torch.uint8).expand(shape)
        for number, (name, shape) in enumerate(shapes.items())
    }
    tensors["norm_out.linear.bias"] = torch.arange(2 * inner)
    back: Any = convert_flux_transformer_checkpoint_to_diffusers(laid_out(tensors, flux(list(tensors))))
    assert back.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert back[name].shape == tensor.shape
        assert torch.equal(back[name][:: len(tensor) - 1], tensor[:: len(tensor) - 1]), name


def test_the_file_says_what_it_is_and_shares_no_memory(tmp_path: Path) -> None:
    for family, architecture, prediction in (
        ("sd1", "stable-diffusion-v1", "epsilon"),
        ("sd2", "stable-diffusion-v2-768-v", "v"),
        ("flux", "flux-1-dev", None),
    ):
        path = write_checkpoint(PIPELINES[family](), tmp_path / "model.safetensors", {"overpaint.patch": "abc"})
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata()
        assert header["modelspec.architecture"] == architecture
        assert header.get("modelspec.prediction_type") == prediction
        assert header["overpaint.patch"] == "abc"
    assert "text_encoders.t5xxl.transformer.shared.weight" in load_file(path)
    assert "v_pred" in load_file(write_checkpoint(sdxl("v_prediction"), path))
    assert "v_pred" not in load_file(write_checkpoint(sdxl(), path))


def test_what_has_no_place_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    pipe = PIPELINES["sd1"]()
    pipe.unet.register_parameter("novelty", torch.nn.Parameter(torch.zeros(1)))
    with pytest.raises(BackboneError, match=r"novelty: the original layout .* diffusers folder"):
        write_checkpoint(pipe, tmp_path / "model.safetensors")
    pipe.text_encoder.config.hidden_act = "quick_gelu"
    pipe.unet = None
    with pytest.raises(BackboneError, match="no checkpoint"):
        write_checkpoint(pipe, tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())
