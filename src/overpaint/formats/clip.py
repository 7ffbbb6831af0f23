"""Names of text encoders: as Hugging Face has them, and as OpenCLIP does (Stable Diffusion 2.x, the second of XL)."""

from __future__ import annotations

import re
from collections.abc import Collection

from overpaint.formats.places import Place, renamed

__all__ = ["as_published", "open_clip"]

OUTSIDE = {
    "text_model.embeddings.token_embedding": "token_embedding",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm": "ln_final",
}
IN_LAYER = {
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
LAYER = re.compile(r"text_model\.encoder\.layers\.(\d+)\.(.+)")
FUSED = re.compile(r"self_attn\.([qkv])_proj\.(weight|bias)")


def as_published(names: Collection[str]) -> dict[str, Place]:
    """The published names themselves: CLIP-L everywhere, all text encoders of Stable Diffusion 3 and FLUX."""
    return {name: Place(name) for name in names}


def open_clip(names: Collection[str]) -> dict[str, Place]:
    """OpenCLIP's names: query, key and value are one matrix, and the text projection is transposed."""
    return {name: _place(name) for name in names}


def _place(name: str) -> Place:
    if name == "text_projection.weight":
        return Place("text_projection", form="transposed")
    if match := LAYER.fullmatch(name):
        layer = f"transformer.resblocks.{match[1]}"
        if fused := FUSED.fullmatch(match[2]):
            return Place(f"{layer}.attn.in_proj_{fused[2]}", part="qkv".index(fused[1]))
        return Place(f"{layer}.{renamed(match[2], IN_LAYER)}")
    return Place(renamed(name, OUTSIDE))
