"""Stage II: all values at once into the feed-forward layers (EMCID, arXiv 2403.13807, section 3.3; MEMIT's spreading).

The model is never touched. States stream through the blocks once; at an edited block the ridge problem is solved and
its change is added to the block's output (``fc2`` is linear and the last thing a block does), so later blocks see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.backbone.text import TextEncoder
from overpaint.linear.lowrank import Factors
from overpaint.linear.ridge import Penalty, ridge_update
from overpaint.methods.emcid.keys import Prompts, average

__all__ = ["Kept", "stage_two"]


@dataclass(frozen=True)
class Kept:
    """Tokens at which the edited layers' outputs must stay.

    Attributes:
        ids: token ids (q, window) of the prompts they stand in.
        row, position: (m,) which tokens.
        weight: (m,) how much each counts; an edit counts 1.
    """

    ids: Tensor
    row: Tensor
    position: Tensor
    weight: Tensor


@torch.no_grad()
def stage_two(
    text: TextEncoder,
    prompts: Prompts,
    values: Tensor,
    blocks: Sequence[int],
    penalty_of: Callable[[int], Penalty],
    weight: float,
    residual: str = "stream",
    kept: Kept | None = None,
    chunk: int = 512,
    advance: Callable[..., None] | None = None,
) -> dict[int, Factors]:
    """Changes of the ``fc2`` weights of ``blocks``, lowest first.

    With L blocks, at the i-th (i = 0 .. L - 1): keys ``K`` are the inputs of its fc2 at the concepts' last tokens and
    the residual is ``R = (Z - H) / (L - i)``, both averaged over each concept's prompts in the encoder as edited so
    far. ``H`` is

    * ``"stream"``: the state after the last edited block, the one that values replace (MEMIT's residual);
    * ``"mlp"``: the output of this block's fc2 (the published code's; it compares a state with a part of it).

    Args:
        prompts: prompts of n concepts.
        values: Z (n, width), wanted states after the last edited block.
        blocks: edited blocks, rising.
        penalty_of: second moment of the keys of a block.
        weight: lambda of the ridge problem.
        kept: tokens whose outputs must stay.
        chunk: prompts in one forward pass; changes memory, not results.

    Returns:
        For each block ``up`` (width, n) and ``down`` (n, key_width), float64.
    """
    if residual not in ("stream", "mlp"):
        raise ValueError(f"residual is 'stream' or 'mlp', not {residual!r}")
    blocks = sorted(blocks)
    length = _needed(prompts, kept)
    edited = [_start(text, prompts.ids[s, :length], blocks[0]) for s in prompts.chunks(chunk)]
    keeping = [] if kept is None else [_start(text, p[:, :length], blocks[0]) for p in kept.ids.split(chunk)]
    z = values.double()
    changes: dict[int, Factors] = {}
    for i, block in enumerate(blocks):
        keys, outputs = _keys_and_outputs(text, edited, prompts, block, chunk)
        if residual == "stream":
            outputs = _after(text, edited, prompts, block, blocks[-1] + 1, chunk)
        missing = (z - outputs) / (len(blocks) - i)
        protected = None if kept is None else _protected(text, keeping, kept, block)
        change = ridge_update(keys.mT, missing.mT, penalty_of(block), weight, protected)
        changes[block] = change
        if block != blocks[-1]:
            onward = blocks[i + 1]
            edited = [text.run(_edited(text, s, block, change), block + 1, onward) for s in edited]
            keeping = [text.run(_edited(text, s, block, change), block + 1, onward) for s in keeping]
        if advance is not None:
            advance()
    return changes


def _needed(prompts: Prompts, kept: Kept | None) -> int:
    """Positions that matter: attention is causal, nothing behind the last token in question is ever read."""
    last = int(prompts.last.max())
    return 1 + max(last, last if kept is None else int(kept.position.max()))


def _start(text: TextEncoder, ids: Tensor, block: int) -> Tensor:
    return text.run(text.embed(ids), 0, block)


def _edited(text: TextEncoder, states: Tensor, block: int, change: Factors) -> Tensor:
    """Output of a block whose fc2 weight has changed."""
    out, keys, _ = text.block_with_mlp(states, block)
    return out + (keys @ change.down.mT.to(keys.dtype)) @ change.up.mT.to(keys.dtype)


def _last(prompts: Prompts, states: Tensor, part: slice) -> Tensor:
    return states[torch.arange(len(states), device=states.device), prompts.last[part]]


def _keys_and_outputs(
    text: TextEncoder, chunks: list[Tensor], prompts: Prompts, block: int, size: int
) -> tuple[Tensor, Tensor]:
    """Keys (n, key_width) and fc2 outputs (n, width) at the concepts' last tokens, averaged over prompts."""
    keys, outputs = [], []
    for states, part in zip(chunks, prompts.chunks(size), strict=True):
        _, key, output = text.block_with_mlp(states, block)
        keys.append(_last(prompts, key, part))
        outputs.append(_last(prompts, output, part))
    mean = [average(torch.cat(v), prompts.owner, prompts.concepts) for v in (keys, outputs)]
    return mean[0], mean[1]


def _after(text: TextEncoder, chunks: list[Tensor], prompts: Prompts, block: int, stop: int, size: int) -> Tensor:
    """States (n, width) after the last edited block as things stand, averaged over prompts."""
    states = [_last(prompts, text.run(s, block, stop), p) for s, p in zip(chunks, prompts.chunks(size), strict=True)]
    return average(torch.cat(states), prompts.owner, prompts.concepts)


def _protected(text: TextEncoder, chunks: list[Tensor], kept: Kept, block: int) -> Tensor:
    """Keys (key_width, m) of the kept tokens, scaled by the roots of their weights."""
    keys = torch.cat([text.mlp_input(states, block) for states in chunks])[kept.row, kept.position]
    return (keys.double() * kept.weight.double().sqrt()[:, None]).mT
