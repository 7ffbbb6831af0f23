"""Load a checkpoint and a LoRA by ComfyUI's engine and draw with it: ``python comfy_reader.py FOLDER``.

Runs in an environment of its own, with the engine as `comfylib` 0.0.5 packs it and transformers 4; nothing of this
project is imported. The folder holds ``config.yaml``, checkpoints, a LoRA and ``inputs.safetensors``; what is found
goes into ``found.safetensors``.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import torch
import transformers  # noqa: F401  (looks for torchvision, and is to find that there is none)
from safetensors.torch import load_file, save_file

# the engine imports it for helpers that nothing here calls; its builds fit one torch each
for name in ("torchvision", "torchvision.transforms", "torchvision.utils"):
    sys.modules[name] = MagicMock()
# it asks a GPU how much fits, and computes on the processor all the same
torch.cuda.current_device = lambda: 0
torch.cuda.memory_stats = lambda *_: defaultdict(int)
torch.cuda.mem_get_info = lambda *_: (2**34, 2**34)

from comfy.hazard import samplers, sd  # noqa: E402

CASES = {"edited": ("edited.safetensors", None), "lora": ("base.safetensors", "lora.safetensors")}


@torch.no_grad()
def main(folder: Path) -> None:
    inputs = load_file(folder / "inputs.safetensors")
    found: dict[str, torch.Tensor] = {}
    for case, (checkpoint, lora) in CASES.items():
        model, clip, vae = sd.load_checkpoint(str(folder / "config.yaml"), str(folder / checkpoint))
        if lora is not None:
            model, clip = sd.load_lora_for_models(model, clip, str(folder / lora), 1.0, 1.0)
        clip.patcher.patch_model()
        states = [clip.cond_stage_model.encode(ids.tolist()) for ids in inputs["ids"][:, None]]
        latents = drawn(model.patch_model(), inputs["noise"], *states)
        found |= {f"{case} states": torch.cat(states), f"{case} latents": latents}
        found[f"{case} pixels"] = vae.decode(latents).contiguous()
    save_file(found, folder / "found.safetensors")


def drawn(model: Any, noise: torch.Tensor, named: torch.Tensor, empty: torch.Tensor) -> torch.Tensor:
    """Latents by four steps of Euler's method at guidance 3."""
    sampler = samplers.KSampler(model, 4, torch.device("cpu"), sampler="sample_euler", scheduler="normal")
    latents: torch.Tensor = sampler.sample(noise, [[named, {}]], [[empty, {}]], 3.0)
    return latents


if __name__ == "__main__":
    main(Path(sys.argv[1]))
