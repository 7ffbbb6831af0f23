"""Names of the autoencoder in the files of CompVis, Stability AI and Black Forest Labs."""

from __future__ import annotations

import re
from collections.abc import Collection

from overpaint.formats.places import Place, renamed

__all__ = ["vae"]

ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
    "query": "q",  # the last four stand in folders that were written before diffusers 0.18
    "key": "k",
    "value": "v",
    "proj_attn": "proj_out",
}
AT_ENDS = {"conv_in": "conv_in", "conv_norm_out": "norm_out", "conv_out": "conv_out"}
LEVEL = re.compile(r"(encoder|decoder)\.(?:down|up)_blocks\.(\d+)\.(resnets|downsamplers|upsamplers)\.(\d+)\.(.+)")
MIDDLE = re.compile(r"(encoder|decoder)\.mid_block\.(resnets|attentions)\.(\d+)\.(.+)")


def vae(names: Collection[str]) -> dict[str, Place]:
    """The places of all tensors of one autoencoder; the decoder's levels are counted from the other end."""
    levels = 1 + max((int(m[2]) for m in map(LEVEL.fullmatch, names) if m and m[1] == "decoder"), default=-1)
    return {name: _place(name, levels) for name in names}


def _place(name: str, levels: int) -> Place:
    if match := LEVEL.fullmatch(name):
        side, kind, rest = match[1], match[3], match[5]
        number = int(match[2]) if side == "encoder" else levels - 1 - int(match[2])
        level = f"{side}.{'down' if side == 'encoder' else 'up'}.{number}"
        if kind == "resnets":
            return Place(f"{level}.block.{match[4]}.{rest.replace('conv_shortcut', 'nin_shortcut')}")
        return Place(f"{level}.{kind[:-2]}.{rest}")
    if match := MIDDLE.fullmatch(name):
        number, rest = int(match[3]) + 1, match[4]
        if match[2] == "resnets":
            return Place(f"{match[1]}.mid.block_{number}.{rest}")
        linear = rest.endswith(".weight") and not rest.startswith("group_norm")
        return Place(f"{match[1]}.mid.attn_{number}.{renamed(rest, ATTENTION)}", form="kernel" if linear else "same")
    if name.startswith(("quant_conv.", "post_quant_conv.")):
        return Place(name)
    side, _, rest = name.partition(".")
    return Place(f"{side}.{renamed(rest, AT_ENDS)}")
