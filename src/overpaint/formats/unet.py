"""Names of the UNet of Stable Diffusion 1.x, 2.x and XL in the files of CompVis and Stability AI."""

from __future__ import annotations

import re
from collections.abc import Collection

from overpaint.formats.places import Place, renamed

__all__ = ["unet"]

OUTSIDE = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
IN_BLOCK = re.compile(r"(down_blocks|up_blocks)\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")
IN_MIDDLE = re.compile(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)")


def unet(names: Collection[str]) -> dict[str, Place]:
    """The places of all tensors of one UNet, from its diffusers names.

    Original files count blocks through: every level has its layers and then the one that changes the resolution.
    """
    blocks = [match for match in map(IN_BLOCK.fullmatch, names) if match]
    layers = 1 + max((int(m[4]) for m in blocks if m[1] == "down_blocks" and m[3] == "resnets"), default=-1)
    attentive = {int(match[2]) for match in blocks if match[1] == "up_blocks" and match[3] == "attentions"}
    return {name: Place(_key(name, layers, attentive)) for name in names}


def _key(name: str, layers: int, attentive: Collection[int]) -> str:
    if match := IN_BLOCK.fullmatch(name):
        side, level, kind, number, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
        if side == "down_blocks":
            first = level * (layers + 1) + 1
            if kind == "downsamplers":
                return f"input_blocks.{first + layers}.0.{renamed(rest, {'conv': 'op'})}"
            return f"input_blocks.{first + number}.{_layer(kind, rest)}"
        first = level * (layers + 1)
        if kind == "upsamplers":
            return f"output_blocks.{first + layers}.{2 if level in attentive else 1}.{rest}"
        return f"output_blocks.{first + number}.{_layer(kind, rest)}"
    if match := IN_MIDDLE.fullmatch(name):
        number = 2 * int(match[2]) + (match[1] == "attentions")
        return f"middle_block.{number}.{_layer(match[1], match[3]).partition('.')[2]}"
    return renamed(name, OUTSIDE)


def _layer(kind: str, rest: str) -> str:
    return f"0.{renamed(rest, RESNET)}" if kind == "resnets" else f"1.{rest}"
