from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from overpaint.backbone.parameters import named_parameters, resolve
from overpaint.errors import PatchError
from overpaint.formats.lora import adapter_of
from overpaint.formats.lora_file import NAMINGS, Naming, lora_tensors, write_lora
from overpaint.patch import LowRank, Patch
from tests.formats.edits import low_rank_patch, outputs
from tests.formats.pipelines import PIPELINES

READ_BY_DIFFUSERS = [
    (family, naming) for family in PIPELINES for naming in NAMINGS if (family, naming) != ("sd3", "kohya")
]
"""diffusers knows no kohya names of Stable Diffusion 3; ComfyUI does."""


@pytest.mark.parametrize(("family", "naming"), READ_BY_DIFFUSERS)
def test_diffusers_does_with_the_file_what_the_patch_does(family: str, naming: Naming, tmp_path: Path) -> None:
    """With unequal ranks, in text encoders and denoiser."""
    pipe = PIPELINES[family]()
    patch = low_rank_patch(pipe, family)
    before = outputs(pipe, family)
    adapter = adapter_of(patch, pipe)
    assert adapter.exact
    path = write_lora(adapter, pipe, tmp_path / "lora.safetensors", naming)
    with patch.applied_to(pipe):
        wanted = outputs(pipe, family)
    pipe.load_lora_weights(str(tmp_path), weight_name=path.name)
    for name, value in outputs(pipe, family).items():
        torch.testing.assert_close(value, wanted[name], rtol=1e-3, atol=1e-4)
        assert (wanted[name] - before[name]).abs().max() > 0.02, name
    pipe.unload_lora_weights()


@pytest.mark.parametrize(("family", "naming"), READ_BY_DIFFUSERS)
def test_edits_of_feed_forward_layers_alone_are_loaded(family: str, naming: Naming, tmp_path: Path) -> None:
    """EMCID changes nothing else of a text encoder; diffusers knows such layers by what a file holds of attention."""
    pipe = PIPELINES[family]()
    base = {name: weight.detach().clone() for name, weight in named_parameters(pipe).items()}
    changed = {name: w for name, w in base.items() if name.endswith(".mlp.fc2.weight") and name.startswith("text")}
    deltas = {name: LowRank(torch.randn(len(w), 2), torch.randn(2, w.shape[1])) for name, w in changed.items()}
    assert deltas
    path = write_lora(adapter_of(Patch.made_on(pipe, deltas), pipe), pipe, tmp_path / "lora.safetensors", naming)
    pipe.load_lora_weights(str(tmp_path), weight_name=path.name)
    pipe.fuse_lora(components=sorted({name.partition(".")[0] for name in deltas}))
    pipe.unload_lora_weights()
    for name, weight in named_parameters(pipe).items():
        wanted = base[name] + deltas[name].matrix().float() if name in deltas else base[name]
        torch.testing.assert_close(
            weight.detach(), wanted, rtol=1e-4, atol=1e-4, msg=lambda said, n=name: f"{n}: {said}"
        )


def test_kohya_names_are_those_of_the_scripts() -> None:
    expected = {
        "sd1": "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k",
        "sdxl": "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k",
        "flux": "lora_unet_double_blocks_0_img_attn_qkv",
        "sd3": "lora_unet_joint_blocks_0_x_block_attn_qkv",
    }
    texts = {
        "sd1": ("lora_te_",),
        "sdxl": ("lora_te1_", "lora_te2_"),
        "sd3": ("lora_te1_", "lora_te2_"),
        "flux": ("lora_te1_",),
    }
    for family, name in expected.items():
        pipe = PIPELINES[family]()
        found = lora_tensors(adapter_of(low_rank_patch(pipe, family), pipe), pipe, "kohya")
        assert {f"{name}.lora_up.weight", f"{name}.lora_down.weight", f"{name}.alpha"} <= found.keys()
        for text in texts[family]:
            assert f"{text}text_model_encoder_layers_1_mlp_fc2.lora_up.weight" in found
        for key, alpha in found.items():
            if key.endswith(".alpha"):
                assert alpha == len(found[key.replace(".alpha", ".lora_down.weight")])


def test_the_file_tells_its_base(tmp_path: Path) -> None:
    for family, version, second in (
        ("sd1", "sd_v1", "False"),
        ("sd2", "sd_v2", "True"),
        ("sdxl", "sdxl_base_v1-0", "False"),
    ):
        pipe = PIPELINES[family]()
        path = write_lora(adapter_of(low_rank_patch(pipe, family), pipe), pipe, tmp_path / "l.safetensors", "kohya")
        with safe_open(str(path), framework="pt") as file:
            assert file.metadata()["ss_base_model_version"] == version
            assert file.metadata()["ss_v2"] == second
            assert file.metadata()["ss_network_dim"] == "3"


def test_a_convolution_stays_one(tmp_path: Path) -> None:
    pipe = PIPELINES["sd1"]()
    name = "unet.down_blocks.0.resnets.0.conv1"
    weight = pipe.unet.down_blocks[0].resnets[0].conv1.weight
    patch = Patch.made_on(pipe, {f"{name}.weight": LowRank(torch.randn(32, 2), torch.randn(2, 32 * 9))})
    for naming, key in (
        ("diffusers", f"{name}.lora_A.weight"),
        ("kohya", "lora_unet_down_blocks_0_resnets_0_conv1.lora_down.weight"),
    ):
        path = write_lora(adapter_of(patch, pipe), pipe, tmp_path / "l.safetensors", naming)  # type: ignore[arg-type]
        tensors = load_file(path)
        down = tensors[key]
        up = tensors[key.replace("lora_A", "lora_B").replace("lora_down", "lora_up")]
        assert down.shape == (2, *weight.shape[1:])
        assert up.shape == (len(weight), 2, 1, 1)
        change = torch.einsum("or,rihw->oihw", up[:, :, 0, 0].double(), down.double())
        torch.testing.assert_close(
            change.reshape(32, -1), patch.deltas[f"{name}.weight"].of(weight), rtol=1e-5, atol=1e-4
        )


def test_what_diffusers_cannot_load_is_refused_and_nothing_written(tmp_path: Path) -> None:
    pipe: Any = PIPELINES["flux"]()
    name = "text_encoder_2.encoder.block.0.layer.1.DenseReluDense.wo.weight"
    rows, columns = resolve(pipe, name).shape
    adapter = adapter_of(Patch.made_on(pipe, {name: LowRank(torch.ones(rows, 1), torch.ones(1, columns))}), pipe)
    with pytest.raises(PatchError, match="no LoRA of a T5EncoderModel; use --naming kohya"):
        write_lora(adapter, pipe, tmp_path / "l.safetensors")
    assert not list(tmp_path.iterdir())
    key = "lora_te3_encoder_block_0_layer_1_DenseReluDense_wo.lora_up.weight"
    assert key in load_file(write_lora(adapter, pipe, tmp_path / "l.safetensors", "kohya"))
