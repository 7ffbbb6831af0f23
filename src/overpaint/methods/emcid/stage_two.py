"""Stage II: all values at once into the feed-forward layers (EMCID, arXiv 2403.13807, section 3.3; MEMIT's spreading).

The model is never touched. States stream through the blocks once; at an edited block the ridge problem is solved and
its change is added to the block's output (``fc2`` is linear and the last thing a block does), so later blocks see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.backbone.forest import TOKENS, plant, together
from overpaint.backbone.text import TextEncoder
from overpaint.linear.lowrank import Factors
from overpaint.linear.precision import exact
from overpaint.linear.ridge import Penalty, ridge_update
from overpaint.methods.emcid.keys import Prompts, average
from overpaint.progress import Advance

__all__ = ["Aim", "Kept", "stage_two"]


@dataclass(frozen=True)
class Aim:
    """What Stage II solves for.

    Attributes:
        prompts: of n conditions; those of one condition are averaged.
        values: (n, width) wanted states after the last edited block.
        shares: (n,) how much each condition counts; None: 1.
        group: (n,) which of them are one phrase in several sentences; None: each is by itself.
    """

    prompts: Prompts
    values: Tensor
    shares: Tensor | None = None
    group: Tensor | None = None


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
    aim: Aim,
    blocks: Sequence[int],
    penalty_of: Callable[[int], Penalty],
    weight: float,
    *,
    residual: str = "stream",
    kept: Kept | None = None,
    steady: float = 0.0,
    chunk: int = TOKENS,
    advance: Advance | None = None,
) -> dict[int, Factors]:
    """Changes of the ``fc2`` weights of ``blocks``, lowest first.

    With L blocks, at the i-th (i = 0 .. L - 1): keys ``K`` are the inputs of its fc2 at the conditions' last tokens
    and the residual is ``R = (Z - H) / (L - i)`` with their values ``Z``, both averaged over each condition's prompts
    in the encoder as edited so far. ``H`` is

    * ``"stream"``: the state after the last edited block, the one that values replace (MEMIT's residual);
    * ``"mlp"``: the output of this block's fc2 (the published code's; it compares a state with a part of it).

    Args:
        aim: conditions and their values.
        blocks: edited blocks, rising.
        penalty_of: second moment of the keys of a block.
        weight: lambda of the ridge problem.
        kept: tokens whose outputs must stay.
        steady: s, how much the change is kept from reading what a sentence adds to the keys of a group,
            ``s sum_i share_i ||D (k_i - mean of its group)||^2``. Unseen sentences then disturb it less, and so do
            other concepts, whose keys vary in the same directions.
        chunk: tokens in one forward pass; changes memory, and results by rounding alone.

    Memory: numbers of 4 bytes, ``key_width + 2 width`` for each token that prompts do not share up to their last one
    of interest; numbers of 8 bytes, ``4 key_width`` for each condition or kept token and ``4 key_width^2``.

    Returns:
        For each block ``up`` (width, r) and ``down`` (r, key_width), float64, r the lesser of n and width.

    Raises:
        ValueError: ``residual`` is neither.
    """
    if residual not in ("stream", "mlp"):
        raise ValueError(f"residual is 'stream' or 'mlp', not {residual!r}")
    blocks = sorted(blocks)
    prompts, group = aim.prompts, aim.group
    edited = _Stream(text, prompts.ids, torch.arange(len(prompts)), prompts.last, blocks[0], chunk)
    keeping = None if kept is None else _Stream(text, kept.ids, kept.row, kept.position, blocks[0], chunk)
    z = exact(aim.values)
    root = None if aim.shares is None else exact(aim.shares).sqrt()[:, None]
    changes: dict[int, Factors] = {}
    for i, block in enumerate(blocks):
        keys, current = edited.look(text, block)
        if residual == "stream":
            current = edited.ahead(block + 1, blocks[-1] + 1)
        keys, current = (average(seen, prompts.owner, prompts.concepts) for seen in (keys, current))
        missing = (z - current) / (len(blocks) - i)
        stay = []
        if kept is not None and keeping is not None:
            stay.append((exact(keeping.look(text, block)[0]) * exact(kept.weight).sqrt()[:, None]).mT)
        if group is not None and steady > 0:
            added = keys - average(keys, group, int(group.max()) + 1)[group]
            stay.append(steady**0.5 * (added if root is None else added * root).mT)
        if root is not None:
            keys, missing = keys * root, missing * root
        protected = torch.cat(stay, dim=1) if stay else None
        change = ridge_update(keys.mT, missing.mT, penalty_of(block), weight, protected)
        changes[block] = change
        if block != blocks[-1]:
            for stream in (edited, keeping):
                if stream is not None:
                    stream.go_on(change, block + 1, blocks[i + 1])
        if advance is not None:
            advance()
    return changes


class _Stream:
    """Prompts on their way through the blocks, seen at some of their tokens (m)."""

    def __init__(self, text: TextEncoder, ids: Tensor, row: Tensor, position: Tensor, block: int, chunk: int) -> None:
        """Up to the input of ``block``."""
        self._groves = plant(text, ids, row, position, chunk)
        self._states = [grove.run(grove.states, 0, block) for grove in self._groves]
        self._keys: list[Tensor] = []

    def look(self, text: TextEncoder, block: int) -> tuple[Tensor, Tensor]:
        """Through the block as it is: its keys (m, key_width) and the outputs of its fc2 (m, width)."""
        self._keys = []
        keys, outputs = [], []
        for i, (grove, states) in enumerate(zip(self._groves, self._states, strict=True)):
            self._states[i], every, added = text.block_with_mlp(states, block, grove.run)
            self._keys.append(every)
            keys.append(grove.at_wanted(every))
            outputs.append(grove.at_wanted(added))
        return together(self._groves, keys), together(self._groves, outputs)

    def ahead(self, first: int, stop: int) -> Tensor:
        """States (m, width) at the input of block ``stop``, from those that now are at the input of ``first``."""
        pairs = zip(self._groves, self._states, strict=True)
        return together(self._groves, [grove.at_wanted(grove.run(states, first, stop)) for grove, states in pairs])

    def go_on(self, change: Factors, first: int, stop: int) -> None:
        """To the input of block ``stop``, with the fc2 weight changed of the block that was looked at."""
        down, up = (factor.mT.to(self._keys[0]) for factor in (change.down, change.up))
        for i, (grove, states, keys) in enumerate(zip(self._groves, self._states, self._keys, strict=True)):
            self._states[i] = grove.run(states + keys @ down @ up, first, stop)
