"""Names of the transformer of FLUX.1 in the files of Black Forest Labs."""

from __future__ import annotations

import re
from collections.abc import Collection

from overpaint.formats.places import Place, renamed

__all__ = ["flux"]

OUTSIDE = {
    "x_embedder": "img_in",
    "context_embedder": "txt_in",
    "time_text_embed.timestep_embedder.linear_1": "time_in.in_layer",
    "time_text_embed.timestep_embedder.linear_2": "time_in.out_layer",
    "time_text_embed.text_embedder.linear_1": "vector_in.in_layer",
    "time_text_embed.text_embedder.linear_2": "vector_in.out_layer",
    "time_text_embed.guidance_embedder.linear_1": "guidance_in.in_layer",
    "time_text_embed.guidance_embedder.linear_2": "guidance_in.out_layer",
    "proj_out": "final_layer.linear",
}
DOUBLE = {
    "norm1.linear": "img_mod.lin",
    "norm1_context.linear": "txt_mod.lin",
    "attn.norm_q.weight": "img_attn.norm.query_norm.scale",
    "attn.norm_k.weight": "img_attn.norm.key_norm.scale",
    "attn.norm_added_q.weight": "txt_attn.norm.query_norm.scale",
    "attn.norm_added_k.weight": "txt_attn.norm.key_norm.scale",
    "attn.to_out.0": "img_attn.proj",
    "attn.to_add_out": "txt_attn.proj",
    "ff.net.0.proj": "img_mlp.0",
    "ff.net.2": "img_mlp.2",
    "ff_context.net.0.proj": "txt_mlp.0",
    "ff_context.net.2": "txt_mlp.2",
}
DOUBLE_FUSED = {
    "attn.to_q": ("img_attn.qkv", 0),
    "attn.to_k": ("img_attn.qkv", 1),
    "attn.to_v": ("img_attn.qkv", 2),
    "attn.add_q_proj": ("txt_attn.qkv", 0),
    "attn.add_k_proj": ("txt_attn.qkv", 1),
    "attn.add_v_proj": ("txt_attn.qkv", 2),
}
SINGLE = {
    "norm.linear": "modulation.lin",
    "attn.norm_q.weight": "norm.query_norm.scale",
    "attn.norm_k.weight": "norm.key_norm.scale",
    "proj_out": "linear2",
}
SINGLE_FUSED = {
    "attn.to_q": ("linear1", 0),
    "attn.to_k": ("linear1", 1),
    "attn.to_v": ("linear1", 2),
    "proj_mlp": ("linear1", 3),
}
BLOCK = re.compile(r"(single_)?transformer_blocks\.(\d+)\.(.+)\.(weight|bias)")


def flux(names: Collection[str]) -> dict[str, Place]:
    """The places of all tensors of one transformer; query, key, value (and the MLP's first half) are one matrix."""
    return {name: _place(name) for name in names}


def _place(name: str) -> Place:
    if match := BLOCK.fullmatch(name):
        single, number, layer, kind = match.groups()
        block = f"{'single' if single else 'double'}_blocks.{number}"
        fused = (SINGLE_FUSED if single else DOUBLE_FUSED).get(layer)
        if fused is not None:
            return Place(f"{block}.{fused[0]}.{kind}", part=fused[1])
        return Place(f"{block}.{renamed(f'{layer}.{kind}', SINGLE if single else DOUBLE)}")
    if name.startswith("norm_out.linear."):
        return Place(name.replace("norm_out.linear", "final_layer.adaLN_modulation.1"), form="swapped")
    return Place(renamed(name, OUTSIDE))
