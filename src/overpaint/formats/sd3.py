"""Names of the transformer of Stable Diffusion 3 and 3.5 in the files of Stability AI."""

from __future__ import annotations

import re
from collections.abc import Collection

from overpaint.formats.places import Place, renamed

__all__ = ["sd3"]

OUTSIDE = {
    "pos_embed.pos_embed": "pos_embed",
    "pos_embed.proj": "x_embedder.proj",
    "context_embedder": "context_embedder",
    "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
    "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
    "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0",
    "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
    "proj_out": "final_layer.linear",
}
IN_BLOCK = {
    "norm1.linear": "x_block.adaLN_modulation.1",
    "norm1_context.linear": "context_block.adaLN_modulation.1",
    "attn.norm_q": "x_block.attn.ln_q",
    "attn.norm_k": "x_block.attn.ln_k",
    "attn.norm_added_q": "context_block.attn.ln_q",
    "attn.norm_added_k": "context_block.attn.ln_k",
    "attn2.norm_q": "x_block.attn2.ln_q",
    "attn2.norm_k": "x_block.attn2.ln_k",
    "attn.to_out.0": "x_block.attn.proj",
    "attn2.to_out.0": "x_block.attn2.proj",
    "attn.to_add_out": "context_block.attn.proj",
    "ff.net.0.proj": "x_block.mlp.fc1",
    "ff.net.2": "x_block.mlp.fc2",
    "ff_context.net.0.proj": "context_block.mlp.fc1",
    "ff_context.net.2": "context_block.mlp.fc2",
}
FUSED = {
    f"{module}.{layer}": (f"{block}.{module}.qkv", part)
    for module, block, layers in (
        ("attn", "x_block", ("to_q", "to_k", "to_v")),
        ("attn2", "x_block", ("to_q", "to_k", "to_v")),
        ("attn", "context_block", ("add_q_proj", "add_k_proj", "add_v_proj")),
    )
    for part, layer in enumerate(layers)
}
BLOCK = re.compile(r"transformer_blocks\.(\d+)\.(.+)\.(weight|bias)")


def sd3(names: Collection[str]) -> dict[str, Place]:
    """The places of all tensors of one transformer.

    The last block uses its text side only as keys and values; its adaptive norm there is laid out as the final one's.
    """
    blocks = [int(match[1]) for match in map(BLOCK.fullmatch, names) if match]
    return {name: _place(name, max(blocks, default=-1)) for name in names}


def _place(name: str, last: int) -> Place:
    if match := BLOCK.fullmatch(name):
        number, layer, kind = int(match[1]), match[2], match[3]
        if layer in FUSED:
            key, part = FUSED[layer]
            return Place(f"joint_blocks.{number}.{key}.{kind}", part=part)
        swapped = number == last and layer == "norm1_context.linear"
        key = renamed(f"{layer}.{kind}", IN_BLOCK)
        return Place(f"joint_blocks.{number}.{key}", form="swapped" if swapped else "same")
    if name.startswith("norm_out.linear."):
        return Place(name.replace("norm_out.linear", "final_layer.adaLN_modulation.1"), form="swapped")
    return Place(renamed(name, OUTSIDE))
