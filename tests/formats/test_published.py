from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from overpaint.backbone.parameters import named_parameters, resolve
from overpaint.errors import PatchError
from overpaint.formats.checkpoint import checkpoint_tensors
from overpaint.formats.families import family_of
from overpaint.formats.lora import adapter_of
from overpaint.formats.lora_file import NAMINGS, Naming, write_lora
from overpaint.formats.published import read_published
from overpaint.formats.weights import write_weights
from overpaint.patch import Dense, Patch
from tests.formats.edits import low_rank_patch
from tests.formats.pipelines import PIPELINES

KEY, VALUE = (f"down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_{x}.weight" for x in "kv")
LAYER = "down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"


@pytest.fixture(scope="module")
def pipe() -> Any:
    return PIPELINES["sd1"]()


def trained(pipe: Any, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Two weights of the denoiser as training leaves them."""
    generator = torch.Generator().manual_seed(0)
    weights = {name: resolve(pipe, f"unet.{name}").detach() for name in (KEY, VALUE)}
    return {name: (w + 0.01 * torch.randn(w.shape, generator=generator)).to(dtype) for name, w in weights.items()}


def check(pipe: Any, path: Path, expected: dict[str, Tensor]) -> Patch:
    patch = read_published(path, pipe)
    assert set(patch.deltas) == set(expected)
    with patch.applied_to(pipe):
        for name, value in expected.items():
            torch.testing.assert_close(resolve(pipe, name).detach(), value.float(), rtol=1e-6, atol=1e-7)
    return patch


SPELLINGS: dict[str, Callable[[str], str]] = {
    "ESD of 2025, UCE": lambda name: name,
    "ESD of 2023, Concept Ablation with diffusers": lambda name: f"unet.{name}",
    "a module's own state": lambda name: f"state_dict.unet.{name}",
    "Concept Ablation's first version": lambda name: (
        "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2" + name.partition("attn2")[2]
    ),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_changed_weights_of_every_spelling(pipe: Any, spelling: str, dtype: torch.dtype, tmp_path: Path) -> None:
    weights = trained(pipe, dtype)
    save_file({SPELLINGS[spelling](name): value for name, value in weights.items()}, tmp_path / "esd.safetensors")
    patch = check(pipe, tmp_path / "esd.safetensors", {f"unet.{name}": value for name, value in weights.items()})
    assert patch.provenance["published"] == "esd.safetensors"
    half = patch.scale(0.5) + patch.scale(0.5)
    with half.applied_to(pipe):
        torch.testing.assert_close(resolve(pipe, f"unet.{KEY}").detach(), weights[KEY].float(), rtol=1e-5, atol=1e-6)


def test_what_esd_tells_is_kept(pipe: Any, tmp_path: Path) -> None:
    header = {
        "format": "erasing-esd-v2",
        "component": "unet",
        "family": "sd",
        "base_model_id": "CompVis/stable-diffusion-v1-4",
        "train_method": "esd-x",
        "erase_concept": "Van Gogh",
    }
    save_file(trained(pipe), tmp_path / "esd.safetensors", header)
    patch = read_published(tmp_path / "esd.safetensors", pipe, "my-copy")
    assert patch.provenance["method"] == "esd-x"
    assert patch.provenance["concept"] == "Van Gogh"
    assert patch.provenance["published_for"] == "CompVis/stable-diffusion-v1-4"
    assert patch.provenance["model"] == "my-copy"


def test_weights_that_are_as_they_were_are_no_part_of_the_patch(pipe: Any, tmp_path: Path) -> None:
    """UCE's first version saves the whole UNet."""
    whole = {name: value.detach() for name, value in pipe.unet.named_parameters()} | trained(pipe)
    save_file(whole, tmp_path / "uce.safetensors")
    assert set(read_published(tmp_path / "uce.safetensors", pipe).deltas) == {f"unet.{KEY}", f"unet.{VALUE}"}


@pytest.mark.parametrize("family", ["sd2", "sd3", "flux"])
def test_original_names_of_every_layout_lead_back(family: str, tmp_path: Path) -> None:
    """Fused, transposed and swapped tensors too: a whole checkpoint with all weights changed."""
    pipe = PIPELINES[family]()
    before = {name: value.detach().clone() for name, value in named_parameters(pipe).items()}
    with torch.no_grad():
        for value in named_parameters(pipe).values():
            value.mul_(1.25)
        expected = {name: value.detach().clone() for name, value in named_parameters(pipe).items() if value.any()}
        tensors = checkpoint_tensors(pipe, family_of(pipe))
        # a tied table stands there twice, and the grid of positions is no weight
        doubled = ("embed_tokens.weight", ".pos_embed")
        save_file({key: tensors[key] for key in tensors if not key.endswith(doubled)}, tmp_path / "all.safetensors")
        for name, value in named_parameters(pipe).items():
            value.copy_(before[name])
    check(pipe, tmp_path / "all.safetensors", expected)


@pytest.mark.parametrize("family", PIPELINES)
@pytest.mark.parametrize("naming", NAMINGS)
def test_our_own_lora_files_of_every_family_lead_back(family: str, naming: Naming, tmp_path: Path) -> None:
    pipe = PIPELINES[family]()
    more = (".proj_mlp.", "norm_out.linear.", "single_transformer_blocks.1.attn.to_q.")
    patch = low_rank_patch(pipe, family, *more)
    path = write_lora(adapter_of(patch, pipe), pipe, tmp_path / "lora.safetensors", naming)
    again = read_published(path, pipe)
    assert set(again.deltas) == set(patch.deltas)
    for name, delta in patch.deltas.items():
        base = resolve(pipe, name)
        torch.testing.assert_close(again.deltas[name].of(base), delta.of(base), rtol=1e-4, atol=1e-4)


LORA_SPELLINGS = {
    "LECO, sliders, kohya": f"lora_unet_{LAYER}.lora_{{}}.weight",
    "kohya XL names": "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_{}.weight",
    "ComfyUI's own": "diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.lora_{}.weight",
    "peft": f"base_model.model.unet.{KEY.removesuffix('.weight')}.lora_{{}}.default.weight",
    "diffusers of 2023": f"unet.{KEY.removesuffix('to_k.weight')}processor.to_k_lora.{{}}.weight",
    "diffusers of late 2023": f"unet.{KEY.removesuffix('.weight')}.lora.{{}}.weight",
}


@pytest.mark.parametrize("spelling", LORA_SPELLINGS)
def test_loras_of_every_spelling(pipe: Any, spelling: str, tmp_path: Path) -> None:
    base = resolve(pipe, f"unet.{KEY}").detach()
    up, down = torch.randn(len(base), 4), torch.randn(4, base.shape[1])
    pattern = LORA_SPELLINGS[spelling]
    names = ("B", "A") if "default" in pattern else ("up", "down")
    tensors = {pattern.format(names[0]): up, pattern.format(names[1]): down}
    alpha = 4.0
    if pattern.startswith("lora_"):
        alpha = 1.0
        tensors[pattern.partition(".")[0] + ".alpha"] = torch.tensor(alpha)
    save_file({name: tensor.bfloat16() for name, tensor in tensors.items()}, tmp_path / "lora.safetensors")
    patch = read_published(tmp_path / "lora.safetensors", pipe)
    assert patch.provenance["method"] == "lora"
    change = alpha / 4 * up.bfloat16().double() @ down.bfloat16().double()
    torch.testing.assert_close(patch.deltas[f"unet.{KEY}"].of(base), change, rtol=1e-5, atol=1e-6)


def test_weights_are_written_as_esd_reads_them(pipe: Any, tmp_path: Path) -> None:
    save_file(trained(pipe), tmp_path / "esd.safetensors")
    patch = read_published(tmp_path / "esd.safetensors", pipe)
    path = write_weights(patch, pipe, tmp_path / "again.safetensors")
    assert read_published(path, pipe).hash == patch.hash
    name = "text_encoder.text_model.encoder.layers.0.mlp.fc2.weight"
    with pytest.raises(PatchError, match="weights of the unet alone"):
        write_weights(Patch.made_on(pipe, {name: Dense(torch.ones(32, 128))}), pipe, path)
    with pytest.raises(PatchError, match="changes nothing"):
        write_weights(Patch.made_on(pipe, {}), pipe, path)


def test_what_cannot_be_read_is_one_line(pipe: Any, tmp_path: Path) -> None:
    weights, lora = trained(pipe), {f"lora_unet_{LAYER}.lora_{end}.weight": torch.ones(4, 4) for end in ("up", "down")}
    torch.save(weights, tmp_path / "new.safetensors")
    torch.save(weights, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    whole = save_and_read(weights, tmp_path / "whole.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(whole[:-100])
    (tmp_path / "empty.safetensors").write_bytes(b"")
    Patch.made_on(pipe, {}).save(tmp_path / "own.safetensors")
    other = {name: torch.randn_like(value) for name, value in weights.items()}
    same = {KEY: resolve(pipe, f"unet.{KEY}").detach()}
    down = f"lora_unet_{LAYER}.lora_down.weight"
    fits = {down: torch.ones(2, 32), down.replace("down.w", "up.w"): torch.ones(64, 2)}
    cases = {
        "missing": "no such file",
        "new": "is a pickle.*convert",
        "old.pt": "is a pickle.*convert",
        "cut": "damaged",
        "empty": "damaged",
        "own": "a patch of Overpaint already",
        **save(tmp_path, "extra", {**weights, "novelty.weight": torch.ones(2)}, "novelty.weight belongs to no weight"),
        **save(tmp_path, "shape", {KEY: torch.ones(3, 3)}, r"has shape \(3, 3\) in it and \(64, 32\) in the model"),
        **save(tmp_path, "other", other, "another model"),
        **save(tmp_path, "same", same, "just what the model has"),
        **save(tmp_path, "half", {down: torch.ones(4, 4)}, "not whole"),
        **save(tmp_path, "thin", lora, r"factors \(4, 4\) and \(4, 4\), and the model's layer is 64 x 32"),
        **save(tmp_path, "strange", {name.replace("attn2", "attn9"): lora[name] for name in lora}, "no layer of this"),
        **save(tmp_path, "dora", {**fits, f"lora_unet_{LAYER}.dora_scale": torch.ones(4)}, "of this kind is not read"),
        **save(tmp_path, "loha", {f"lora_unet_{LAYER}.hada_w1_a": torch.ones(4, 4)}, "of this kind is not read"),
        **save(tmp_path, "twice", {**weights, f"unet.{KEY}": weights[KEY].clone()}, "under two names"),
        **save(tmp_path, "whole", {KEY: torch.ones(64, 32, dtype=torch.int64)}, "as int64, and weights are real"),
        **save(tmp_path, "lines", {"a\nb.weight": torch.ones(2)}, "name of a tensor is no plain text"),
        **save(tmp_path, "upper", {down.replace("down.w", "up.w"): torch.ones(64, 2)}, "no layer of the LoRA"),
        **save(tmp_path, "alphas", {**fits, f"lora_unet_{LAYER}.alpha": torch.ones(2)}, "an alpha that is no number"),
        **save(tmp_path, "alpha", {**fits, f"lora_unet_{LAYER}.alpha": torch.tensor(torch.nan)}, "no number, but .nan"),
        **save(tmp_path, "eighth",
               {**fits, f"lora_unet_{LAYER}.alpha": torch.tensor(torch.nan).to(torch.float8_e4m3fn)},
               "no number, but .nan"),
        **save(tmp_path, "points", {name: torch.tensor(1.0) for name in fits}, "no matrix of real.*float32 of shape"),
        **save(tmp_path, "void", {name: value[:, :0] if "up" in name else value[:0] for name, value in fits.items()},
               r"no matrix of real numbers: float32 of shape \(0, 32\)"),
        **save(tmp_path, "complex", {name: value + 1j for name, value in fits.items()}, "complex64 of shape"),
        **save(tmp_path, "endless", {**{name: 0 * value for name, value in fits.items()}, down: fits[down] * torch.inf},
               "values that are not finite"),
        **save(tmp_path, "long", {**fits, down.replace("down.w", "up.w"): torch.ones(64, 2, 2, 1)},
               r"factors \(64, 4\) and \(2, 32\)"),
        **save(tmp_path, "zero", {name: 0 * value for name, value in fits.items()}, "changes nothing"),
    }  # fmt: skip
    for name, expected in cases.items():
        path = tmp_path / (name if "." in name else f"{name}.safetensors")
        with pytest.raises(PatchError, match=expected) as caught:
            read_published(path, pipe)
        assert str(caught.value).startswith(f"{path}: "), name
        assert "\n" not in str(caught.value)


def save(folder: Path, name: str, tensors: dict[str, Tensor], expected: str) -> dict[str, str]:
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, folder / f"{name}.safetensors")
    return {name: expected}


def save_and_read(tensors: dict[str, Tensor], path: Path) -> bytes:
    save_file(tensors, path)
    return path.read_bytes()
