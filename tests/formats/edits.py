"""Patches for the pipelines of `tests.formats.pipelines`, and what a pipeline makes of fixed inputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from overpaint.backbone.parameters import named_parameters
from overpaint.patch import Delta, LowRank, Patch

__all__ = ["DENOISER", "TEXT", "low_rank_patch", "outputs"]

TEXT = {
    "sd1": ("text_encoder",),
    "sd2": ("text_encoder",),
    "sdxl": ("text_encoder", "text_encoder_2"),
    "sd3": ("text_encoder", "text_encoder_2"),
    "flux": ("text_encoder",),
}
"""By family, the text encoders that diffusers loads a LoRA for."""
DENOISER = {"sd1": "unet", "sd2": "unet", "sdxl": "unet", "sd3": "transformer", "flux": "transformer"}
CHANGED = {
    "unet": (".attn2.to_k.", ".attn1.to_out.0.", ".ff.net.2.", ".proj_in."),
    "transformer": (
        ".transformer_blocks.0.attn.to_k.",
        ".transformer_blocks.0.attn.to_v.",
        "0.attn.add_q_proj.",
        "0.ff.net.2.",
    ),
}


def low_rank_patch(pipe: Any, family: str, *more: str, ranks: tuple[int, ...] = (2, 3), seed: int = 0) -> Patch:
    """Changes of feed-forward and attention layers of the text encoders and of the denoiser; ranks by turns.

    ``more``: parts of the names of further layers of the denoiser.
    """
    generator = torch.Generator().manual_seed(seed)
    text = tuple(
        f"{name}.text_model.encoder.layers.1.{layer}."
        for name in TEXT[family]
        for layer in ("mlp.fc2", "self_attn.q_proj")
    )
    kinds = (*CHANGED[DENOISER[family]], *more)
    deltas: dict[str, Delta] = {}
    for name, parameter in named_parameters(pipe).items():
        wanted = name.startswith(text) or (name.startswith(DENOISER[family]) and any(kind in name for kind in kinds))
        if wanted and name.endswith(".weight"):
            rank = ranks[len(deltas) % len(ranks)]
            shape = len(parameter), parameter[0].numel()
            up, down = (torch.randn(n, m, generator=generator) for n, m in ((shape[0], rank), (rank, shape[1])))
            deltas[name] = LowRank(up * 0.2, down * 0.2)
    return Patch.made_on(pipe, deltas, {"model": family, "method": "by hand"})


@torch.no_grad()
def outputs(pipe: Any, family: str) -> dict[str, Tensor]:
    """Text states and one noise prediction."""
    generator = torch.Generator().manual_seed(1)
    found: dict[str, Tensor] = {}
    ids = torch.arange(3, 80).reshape(1, -1)
    for name in TEXT[family]:
        found[name] = getattr(pipe, name)(ids, output_hidden_states=True).hidden_states[-1]

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    model: Any = getattr(pipe, DENOISER[family])
    config = model.config
    time = torch.tensor([500.0])
    if DENOISER[family] == "transformer":
        rows, whole = noise(1, 5, config.joint_attention_dim), noise(1, config.pooled_projection_dim)
        places = {"img_ids": torch.zeros(4, 3), "txt_ids": torch.zeros(5, 3), "guidance": torch.ones(1)}
        found["noise"] = model(
            hidden_states=noise(1, 4, 16) if family == "flux" else noise(1, 4, 8, 8),
            encoder_hidden_states=rows,
            pooled_projections=whole,
            timestep=time / 1000 if family == "flux" else time,
            **(places if family == "flux" else {}),
        ).sample
    else:
        extra = (
            {"added_cond_kwargs": {"text_embeds": noise(1, 48), "time_ids": noise(1, 6)}} if family == "sdxl" else {}
        )
        found["noise"] = model(noise(1, 4, 8, 8), time, noise(1, 5, config.cross_attention_dim), **extra).sample
    assert all(isinstance(getattr(pipe, name), nn.Module) for name in TEXT[family])
    return found
