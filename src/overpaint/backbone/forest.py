"""Prompts as a forest of tokens: what several begin with is computed once.

Where attention is causal a token's states depend on nothing but what precedes it. Prompts that begin alike share their
beginnings, as the words of a dictionary share the branches of a trie, so a thousand phrases in one template cost little
more than their own tokens. Many prompts stand in one row, where each token reads its own ancestors alone (tree
attention: SpecInfer, arXiv 2305.09781). What is behind the last wanted token of a prompt is not computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from overpaint.backbone.passage import Run
from overpaint.backbone.text import TextEncoder

__all__ = ["TOKENS", "Grove", "plant", "states_at", "together"]

ROW = 128
"""Tokens in a row, about: longer ones repeat fewer beginnings, but have more to attend to."""

TOKENS = 1024
"""Tokens in one forward pass: enough to keep matrix products busy, few enough for a processor's cache."""


@dataclass(frozen=True)
class Grove:
    """Tokens of some prompts in rows (r, w), for one forward pass.

    Attributes:
        states: (r, w, width) at the input of block 0.
        run: their way through the blocks.
        wanted: (m,) which of the wanted tokens are here.
        place: (m,) where, counted over the rows one after the other.
    """

    states: Tensor
    run: Run
    wanted: Tensor
    place: Tensor

    def at_wanted(self, states: Tensor) -> Tensor:
        """Of states (r, w, d) those of the wanted tokens (m, d)."""
        return states.flatten(0, 1)[self.place]


def plant(text: TextEncoder, ids: Tensor, row: Tensor, position: Tensor, size: int = TOKENS) -> list[Grove]:
    """Groves of ``size`` tokens at most, or a row, in which all wanted tokens stand.

    States are those of the prompts taken one by one, up to rounding. Where attention runs both ways prompts stay whole.

    Args:
        ids: token ids (n, window) of the prompts.
        row, position: (m,) the wanted tokens.

    Raises:
        BackboneError: the attention kernel of a causal encoder takes no mask.
    """
    asked: dict[int, list[tuple[int, int]]] = {}
    for number, (prompt, place) in enumerate(zip(row.tolist(), position.tolist(), strict=True)):
        asked.setdefault(prompt, []).append((number, place))
    if text.causal:
        words = ids.tolist()
        cut = {prompt: words[prompt][: 1 + max(place for _, place in tokens)] for prompt, tokens in asked.items()}
        rows = list(_rows(cut, max(ROW, *map(len, cut.values()))))
    else:
        whole = range(ids.shape[1])
        rows = [_Row([(prompt, k) for k in whole], paths={prompt: [*whole]}) for prompt in asked]
    return [_grove(text, ids, group, asked) for group in _groups(rows, size)]


def together(groves: Sequence[Grove], found: Sequence[Tensor]) -> Tensor:
    """What each grove has found at its wanted tokens, (m, d) in the order in which these were asked for."""
    return torch.cat(list(found))[torch.cat([grove.wanted for grove in groves]).argsort()]


def states_at(text: TextEncoder, ids: Tensor, row: Tensor, position: Tensor, after: int) -> Tensor:
    """States (m, width) of the wanted tokens after block ``after``; arguments and errors as `plant`."""
    groves = plant(text, ids, row, position)
    return together(groves, [grove.at_wanted(grove.run(grove.states, 0, after + 1)) for grove in groves])


@dataclass
class _Row:
    """A row of tokens.

    Attributes:
        tokens: of each, a prompt and the position at which it stands there.
        parents: of each, the place of the token before it; its own if there is none.
        paths: by prompt, the places of its tokens.
    """

    tokens: list[tuple[int, int]] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    paths: dict[int, list[int]] = field(default_factory=dict)

    def add(self, prompt: int, length: int, shared: list[int]) -> None:
        """A prompt of some length whose first tokens are there already."""
        path = [*shared, *range(len(self.tokens), len(self.tokens) + length - len(shared))]
        for k in range(len(shared), length):
            self.tokens.append((prompt, k))
            self.parents.append(path[max(0, k - 1)])
        self.paths[prompt] = path


def _rows(cut: dict[int, list[int]], most: int) -> Iterator[_Row]:
    """Prompts (by number, their token ids) in rows of ``most`` tokens.

    In alphabetical order nobody shares more with a prompt than the one before it.
    """
    row, before, path = _Row(), list[int](), list[int]()
    for prompt in sorted(cut, key=cut.__getitem__):
        words = cut[prompt]
        alike = next((k for k, (a, b) in enumerate(zip(words, before, strict=False)) if a != b), None)
        shared = path[: min(len(words), len(before)) if alike is None else alike]
        if len(row.tokens) + len(words) - len(shared) > most:
            yield row
            row, shared = _Row(), []
        row.add(prompt, len(words), shared)
        before, path = words, row.paths[prompt]
    yield row


def _groups(rows: Sequence[_Row], size: int) -> Iterator[list[_Row]]:
    """Rows for one pass each, which all become as long as the longest."""
    group: list[_Row] = []
    width = 0
    for row in rows:
        width = max(width, len(row.tokens))
        if group and width * (len(group) + 1) > size:
            yield group
            group, width = [], len(row.tokens)
        group.append(row)
    yield group


def _grove(text: TextEncoder, ids: Tensor, rows: Sequence[_Row], asked: dict[int, list[tuple[int, int]]]) -> Grove:
    """Rows as tensors; ``asked`` has the numbers and positions of each prompt's wanted tokens."""
    width = max(len(row.tokens) for row in rows)
    prompts = [prompt for row in rows for prompt in row.paths]
    wanted = [
        (number, i * width + row.paths[prompt][place])
        for i, row in enumerate(rows)
        for prompt in row.paths
        for number, place in asked[prompt]
    ]
    numbers, places = torch.tensor(wanted, device=ids.device).unbind(dim=1)
    own = ids[torch.tensor(prompts, device=ids.device)]
    if not text.causal:
        return Grove(text.embed(own), text.way(own), numbers, places)
    # filler reads itself
    tokens = [row.tokens + row.tokens[:1] * (width - len(row.tokens)) for row in rows]
    parents = torch.tensor([[*row.parents, *range(len(row.parents), width)] for row in rows], device=ids.device)
    local = {prompt: i for i, prompt in enumerate(prompts)}
    prompt = torch.tensor([[local[p] for p, _ in row] for row in tokens], device=ids.device)
    position = torch.tensor([[k for _, k in row] for row in tokens], device=ids.device)
    states = text.embed(own[:, : int(position.max()) + 1])[prompt, position]
    seen = _ancestors(parents, int(position.max()))
    if text.masked:
        # padding reads the prompt alone, not itself
        end = text.end_positions(own).to(ids.device)
        seen &= (position <= end[prompt])[:, None]
    return Grove(states, text.reading(seen, position), numbers, places)


def _ancestors(parents: Tensor, depth: int) -> Tensor:
    """Which tokens (r, w, w) each one descends from, itself included, given their parents (r, w) and the deepest."""
    reached = torch.arange(parents.shape[1], device=parents.device).expand_as(parents)
    seen = torch.diag_embed(torch.ones_like(parents, dtype=torch.bool))
    for _ in range(depth):
        reached = parents.gather(1, reached)
        seen.scatter_(2, reached[..., None], True)
    return seen
