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
from overpaint.linear.precision import exact
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
    shares: Tensor | None = None,
    group: Tensor | None = None,
    steady: float = 0.0,
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
        shares: (n,) how much each concept counts in the ridge problem; None: 1.
        group: (n,) which of them are one phrase in several sentences.
        steady: s, how much the change is kept from reading what a sentence adds to the keys of a group,
            ``s sum_i share_i ||D (k_i - mean of its group)||^2``. Unseen sentences then disturb it less, and so do
            other concepts, whose keys vary in the same directions.
        chunk: prompts in one forward pass; changes memory, not results.

    Returns:
        For each block ``up`` (width, r) and ``down`` (r, key_width), float64, r the lesser of n and width.

    Raises:
        ValueError: ``residual`` is neither.
    """
    if residual not in ("stream", "mlp"):
        raise ValueError(f"residual is 'stream' or 'mlp', not {residual!r}")
    blocks = sorted(blocks)
    edited = [_Part(text, prompts.ids[rows], prompts.last[rows], blocks[0]) for rows in _by_length(prompts.last, chunk)]
    order = torch.cat(_by_length(prompts.last, chunk))
    keeping = _Kept.start(text, kept, blocks[0], chunk)
    z = exact(values)
    root = None if shares is None else exact(shares).sqrt()[:, None]
    changes: dict[int, Factors] = {}
    for i, block in enumerate(blocks):
        seen = [part.look(text, block, blocks[-1] + 1, residual) for part in edited]
        keys, current = (_concepts(torch.cat(column), prompts, order) for column in zip(*seen, strict=True))
        missing = (z - current) / (len(blocks) - i)
        stay = [] if keeping is None else [keeping.keys(text, block)]
        if group is not None and steady > 0:
            added = keys - average(keys, group, int(group.max()) + 1)[group]
            stay.append(steady**0.5 * (added if root is None else added * root).mT)
        if root is not None:
            keys, missing = keys * root, missing * root
        protected = torch.cat(stay, dim=1) if stay else None
        change = ridge_update(keys.mT, missing.mT, penalty_of(block), weight, protected)
        changes[block] = change
        if block != blocks[-1]:
            for part in [*edited, *(keeping.parts if keeping else [])]:
                part.go_on(text, block, change, blocks[i + 1])
        if advance is not None:
            advance()
    return changes


class _Part:
    """Some rows on their way through the blocks, cut behind the last position that matters if attention is causal."""

    def __init__(self, text: TextEncoder, ids: Tensor, last: Tensor, block: int) -> None:
        self.last = last
        length = int(last.max()) + 1 if text.causal else None
        self.run = text.way(ids[:, :length])
        self.states = self.run(text.embed(ids[:, :length]), 0, block)

    def look(self, text: TextEncoder, block: int, stop: int, residual: str) -> tuple[Tensor, Tensor]:
        """Keys (p, key_width) of the block, and what the residual is measured from (p, width), at the last tokens."""
        out, keys, outputs = text.block_with_mlp(self.states, block, self.run)
        current = outputs if residual == "mlp" else self.run(out, block + 1, stop)
        rows = torch.arange(len(keys), device=keys.device)
        return keys[rows, self.last], current[rows, self.last]

    def go_on(self, text: TextEncoder, block: int, change: Factors, onward: int) -> None:
        """Through the block with its fc2 weight changed, up to the input of block ``onward``."""
        out, keys, _ = text.block_with_mlp(self.states, block, self.run)
        out = out + (keys @ change.down.mT.to(keys)) @ change.up.mT.to(keys)
        self.states = self.run(out, block + 1, onward)


@dataclass
class _Kept:
    """Kept tokens with their prompts' states."""

    kept: Kept
    parts: list[_Part]

    @classmethod
    def start(cls, text: TextEncoder, kept: Kept | None, block: int, chunk: int) -> _Kept | None:
        if kept is None:
            return None
        longest = kept.position.max()[None]
        return cls(kept, [_Part(text, ids, longest, block) for ids in kept.ids.split(chunk)])

    def keys(self, text: TextEncoder, block: int) -> Tensor:
        """Keys (key_width, m) scaled by the roots of their weights."""
        keys = torch.cat([text.mlp_input(part.states, block, part.run) for part in self.parts])
        found = exact(keys[self.kept.row, self.kept.position])
        return (found * exact(self.kept.weight).sqrt()[:, None]).mT


def _by_length(last: Tensor, size: int) -> list[Tensor]:
    """Rows in chunks of like length."""
    return list(last.argsort(stable=True).split(size))


def _concepts(values: Tensor, prompts: Prompts, order: Tensor) -> Tensor:
    """Mean over each concept's prompts (n, d) of values (p, d) given in another order."""
    return average(values, prompts.owner[order], prompts.concepts)
