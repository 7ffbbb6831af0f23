"""A batch of concepts in one text encoder while values are learned: computed once, re-run from the edited block on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.text import Encoded, Run, TextEncoder
from overpaint.methods.emcid.keys import Prompts, aligned_around, aligned_tail, average, locate
from overpaint.methods.emcid.memory import Concept

__all__ = ["Context", "lengths"]


class Context:
    """States of a batch's source and destination prompts (p rows in all, window or padded length L).

    Attributes:
        prompts: the source prompts.
        after: their states (p, L, width) after the last edited block, unedited.
        block: that block.
        v0: (n, width) origin of each value.
        copied: (n, width) the destination's state minus the source's at their last tokens; None without destinations.
        source: the unedited source prompts (p, L).
        destination: the destination prompts (p, L'), or None.
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
            self.source = self._encoded(self.ids, self.after, self._run)
            self.v0 = self._mean(self.prompts, self.prompts.at_last(self.after))
            self.copied: Tensor | None = None
            self.destination: Encoded | None = None
            if concepts[0].destination is not None:
                self._learn_destination(concepts, conditioning)

    @property
    def owner(self) -> Tensor:
        """Concept (p,) of each row."""
        return self.prompts.owner

    def student(self, delta: Tensor) -> Encoded:
        """The source prompts (p, L) with delta (n, width) added after the block at each concept's last token."""
        rows = torch.arange(len(self.after), device=self.after.device)
        step = delta[self.owner].to(self.after.dtype)
        states = self.after.index_put((rows, self.prompts.last), step, accumulate=True)
        return self._encoded(self.ids, states, self._run)

    def text_loss(self, student: Encoded, target: str) -> Tensor:
        """Mean squared distance (n,) of the student to the destination.

        ``pooled``: of the texts as one vector each; ``positions``: of the states that the denoiser is given at the end
        token and the padding, aligned at the end tokens, and where attention runs both ways at all words around the
        phrase.
        """
        assert self.destination is not None
        rows = torch.arange(len(self.prompts), device=student.final.device)
        if target == "pooled":
            made, wanted = (self.text.embedding(one.final, one.ids) for one in (student, self.destination))
        else:
            into, out_of, rows = self._tail_at
            made, wanted = student.states[rows, into], self.destination.states[rows, out_of]
        error = (made - wanted).square().mean(dim=1)
        per_row = error.new_zeros(len(self.prompts)).index_add(0, rows, error)
        per_row = per_row / torch.bincount(rows, minlength=len(per_row))
        total = error.new_zeros(self.prompts.concepts)
        return total.index_add(0, self.owner, per_row) / torch.bincount(self.owner)

    def _learn_destination(self, concepts: Sequence[Concept], conditioning: str) -> None:
        wanted = locate(self.text, [(c.prompts, c.destination or "") for c in concepts])
        ids, run = _conditioned(self.text, wanted, conditioning)
        after = run(self.text.embed(ids), 0, self.block + 1)
        self.destination = self._encoded(ids, after, run)
        self.copied = self._mean(wanted, wanted.at_last(after)) - self.v0
        into, out_of, row = [], [], []
        for i, (a, b) in enumerate(zip(self.prompts.places, wanted.places, strict=True)):
            ends = (self.ids.shape[1], ids.shape[1]) if self.text.padded else (a[2] + 1, b[2] + 1)
            pairs = list(zip(*aligned_tail(a[2], b[2], *ends), strict=True))
            # words around the phrase read it, too; a chat is written on behind every prompt
            if not (self.text.causal and self.text.padded):
                pairs = aligned_around(self.text.begin, a, b) + pairs
            for x, y in pairs:
                into.append(x)
                out_of.append(y)
                row.append(i)
        self._tail_at = tuple(torch.tensor(v, device=ids.device) for v in (into, out_of, row))

    def _encoded(self, ids: Tensor, after: Tensor, run: Run) -> Encoded:
        return self.text.encoded(ids, after, self.block + 1, run)

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
