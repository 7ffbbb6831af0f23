"""A batch of concepts in the text encoder while values are learned: computed once, re-run from the edited block on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.text import TextEncoder
from overpaint.methods.emcid.keys import Prompts, aligned_tail, average, locate
from overpaint.methods.emcid.memory import Concept

__all__ = ["Context", "lengths"]

Run = Callable[[Tensor, int, int], Tensor]


class Context:
    """States of a batch's source and destination prompts (p rows in all, window or padded length L).

    Attributes:
        prompts: the source prompts.
        after: their states (p, L, width) after the last edited block, unedited.
        block: that block.
        v0: (n, width) origin of each value.
        copied: (n, width) the destination's state minus the source's at their last tokens; None without destinations.
        source: final states (p, L, width) of the unedited source prompts.
        destination: final states (p, L', width) of the destination prompts, or None.
    """

    def __init__(self, text: TextEncoder, concepts: Sequence[Concept], block: int, conditioning: str, v0: str) -> None:
        """All concepts have a destination or none has; with ``conditioning="short"`` all are of equal `lengths`."""
        self.text = text
        self.block = block
        self._first_only = v0 == "first"
        with torch.no_grad():
            self.prompts = locate(text, [(c.prompts, c.source) for c in concepts])
            self.ids, self._run = _conditioned(text, self.prompts, conditioning)
            self.after = self._run(text.embed(self.ids), 0, block + 1)
            self.source = self._finish(self.after)
            self.v0 = self._mean(self.prompts, self.prompts.at_last(self.after))
            self.copied: Tensor | None = None
            self.destination: Tensor | None = None
            if concepts[0].destination is not None:
                self._learn_destination(concepts, conditioning)

    @property
    def owner(self) -> Tensor:
        """Concept (p,) of each row."""
        return self.prompts.owner

    def student(self, delta: Tensor) -> Tensor:
        """Final states (p, L, width) with delta (n, width) added after the block at each concept's last token."""
        rows = torch.arange(len(self.after), device=self.after.device)
        step = delta[self.owner].to(self.after.dtype)
        states = self.after.index_put((rows, self.prompts.last), step, accumulate=True)
        return self._finish(states)

    def text_loss(self, final: Tensor, target: str) -> Tensor:
        """Mean squared distance (n,) of the student's final states to the destination's, aligned at the end tokens.

        ``pooled``: at the end token; ``positions``: at the end token and the padding.
        """
        assert self.destination is not None
        into, out_of, rows = self._pooled_at if target == "pooled" else self._tail_at
        error = (final[rows, into] - self.destination[rows, out_of]).square().mean(dim=1)
        per_row = torch.zeros(len(final), device=final.device, dtype=final.dtype).index_add(0, rows, error)
        per_row = per_row / torch.bincount(rows, minlength=len(final))
        total = torch.zeros(self.prompts.concepts, device=final.device, dtype=final.dtype)
        return total.index_add(0, self.owner, per_row) / torch.bincount(self.owner)

    def _learn_destination(self, concepts: Sequence[Concept], conditioning: str) -> None:
        wanted = locate(self.text, [(c.prompts, c.destination or "") for c in concepts])
        ids, run = _conditioned(self.text, wanted, conditioning)
        after = run(self.text.embed(ids), 0, self.block + 1)
        self.destination = self.text.finish(run(after, self.block + 1, len(self.text.blocks)))
        self.copied = self._mean(wanted, wanted.at_last(after)) - self.v0
        rows = torch.arange(len(wanted), device=ids.device)
        self._pooled_at = (self.prompts.end, wanted.end, rows)
        into, out_of, row = [], [], []
        for i, (a, b) in enumerate(zip(self.prompts.end.tolist(), wanted.end.tolist(), strict=True)):
            for x, y in zip(*aligned_tail(a, b, self.ids.shape[1], ids.shape[1]), strict=True):
                into.append(x)
                out_of.append(y)
                row.append(i)
        self._tail_at = tuple(torch.tensor(v, device=ids.device) for v in (into, out_of, row))

    def _finish(self, after: Tensor) -> Tensor:
        return self.text.finish(self._run(after, self.block + 1, len(self.text.blocks)))

    def _mean(self, prompts: Prompts, states: Tensor) -> Tensor:
        """One state for each concept: the mean over its prompts, or its first prompt's (as released)."""
        if self._first_only:
            firsts = torch.searchsorted(prompts.owner, torch.arange(prompts.concepts, device=states.device))
            return states[firsts].float()
        return average(states, prompts.owner, prompts.concepts).float()


def lengths(text: TextEncoder, concept: Concept) -> tuple[int, int]:
    """Tokens of the longest source and destination prompt, begin and end included."""
    source = max(text.locate(t, concept.source).end for t in concept.prompts)
    if concept.destination is None:
        return source + 1, 0
    return source + 1, max(text.locate(t, concept.destination).end for t in concept.prompts) + 1


def _conditioned(text: TextEncoder, prompts: Prompts, conditioning: str) -> tuple[Tensor, Run]:
    """Token ids and the way through the blocks: the whole window unmasked, or the longest prompt's length masked."""
    if conditioning == "window":
        return prompts.ids, text.run
    ids = prompts.ids[:, : int(prompts.end.max()) + 1]
    mask = (torch.arange(ids.shape[1], device=ids.device) <= prompts.end[:, None]).long()
    args, kwargs = _block_call(text, ids, mask)

    def run(states: Tensor, first: int, stop: int) -> Tensor:
        for block in text.blocks[first:stop]:
            out = block(states, *args, **kwargs)
            states = out[0] if isinstance(out, tuple) else out
        return states

    return ids, run


def _block_call(text: TextEncoder, ids: Tensor, mask: Tensor) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What the model hands to its blocks beside states when given a padding mask, in the installed version's form."""
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def record(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        calls.append((args[1:], {k: v for k, v in kwargs.items() if k != "hidden_states"}))

    handle = text.blocks[0].register_forward_pre_hook(record, with_kwargs=True)
    try:
        text.model(ids, attention_mask=mask)
    finally:
        handle.remove()
    return calls[0]
