"""A batch of concepts in one text encoder while values are learned: computed once, re-run from the edited block on."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import fields, replace

import torch
from torch import Tensor

from overpaint.backbone.passage import handed, through
from overpaint.backbone.text import Encoded, Run, TextEncoder
from overpaint.methods.emcid.keys import Prompts, aligned_around, aligned_tail, average, locate
from overpaint.methods.emcid.memory import Concept

__all__ = ["Context", "lengths", "templates"]


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

    def __init__(
        self,
        text: TextEncoder,
        concepts: Sequence[Concept],
        block: int,
        conditioning: str,
        v0: str,
        *,
        placed: bool = False,
        wide: bool = False,
        tail: int | None = None,
    ) -> None:
        """All concepts have a destination or none has; with ``conditioning="short"`` all are of equal `lengths`.

        Args:
            placed: the student of a copied value has the destination's own state in each prompt, where there is one.
            wide: the concepts' contexts are prompts, too, but no part of ``v0`` and ``copied``.
            tail: so many padding tokens are enough; rows are cut behind them where attention is causal.
        """
        self.text = text
        self.block = block
        self._conditioning = conditioning
        self._tail = tail if text.causal and text.padded else None
        with torch.no_grad():
            early = [dict(c.early).get(text.name, 0) for c in concepts]
            self.prompts = locate(text, [(templates(c, wide), c.source) for c in concepts], early)
            # the first prompt's alone is as released
            counts = [1 if v0 == "first" else len(c.prompts) for c in concepts]
            own = [i < k for k, c in zip(counts, concepts, strict=True) for i in range(len(templates(c, wide)))]
            self._own = torch.tensor(own, device=self.prompts.owner.device)
            self.ids, self._run = self._conditioned(self.prompts)
            self.after = self._run(text.embed(self.ids), 0, block + 1)
            self.source = self._encoded(self.ids, self.after, self._run)
            self.v0 = self._mean(self.prompts, self.after)
            self.copied: Tensor | None = None
            self.destination: Encoded | None = None
            self._base = self.after
            if concepts[0].destination is not None:
                self._learn_destination([(templates(c, wide), c.destination or "") for c in concepts], placed)

    @property
    def owner(self) -> Tensor:
        """Concept (p,) of each row."""
        return self.prompts.owner

    def take(self, chosen: Tensor) -> Context:
        """The same of some concepts alone, given by number in rising order (k,) and numbered anew."""
        inside = torch.isin(self.owner, chosen)
        part = copy.copy(self)
        part.prompts, part._own, part.after = _some(self.prompts, inside, chosen), self._own[inside], self.after[inside]
        part.ids, part._run = self.ids[inside], self._conditioned(part.prompts)[1]
        part._base = part.after if self._base is self.after else self._base[inside]
        part.source, part.v0 = _rows(self.source, inside), self.v0[chosen]
        if self.destination is not None and self.copied is not None:
            part.destination, part.copied = _rows(self.destination, inside), self.copied[chosen]
            into, out_of, row = self._tail_at
            kept = inside[row]
            part._tail_at = (into[kept], out_of[kept], (inside.cumsum(dim=0) - 1)[row[kept]])
        return part

    def student(self, delta: Tensor) -> Encoded:
        """The source prompts (p, L) with delta (n, width) added after the block at each concept's last token.

        It is added to the source's own state there; or, ``placed``, to the destination's less what a copied value adds.
        """
        rows = torch.arange(len(self.after), device=self.after.device)
        step = delta[self.owner].to(self.after.dtype)
        states = self._base.index_put((rows, self.prompts.last), step, accumulate=True)
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

    def _learn_destination(self, concepts: Sequence[tuple[Sequence[str], str]], placed: bool) -> None:
        wanted = locate(self.text, concepts)
        ids, run = self._conditioned(wanted)
        after = run(self.text.embed(ids), 0, self.block + 1)
        self.destination = self._encoded(ids, after, run)
        self.copied = self._mean(wanted, after) - self.v0
        if placed:
            origins = wanted.at_last(after) - self.copied[self.owner].to(after.dtype)
            self._base = self.after.index_put(
                (torch.arange(len(after), device=after.device), self.prompts.last), origins
            )
        into, out_of, row = [], [], []
        for i, (a, b) in enumerate(zip(self.prompts.places, wanted.places, strict=True)):
            ends = (self.ids.shape[1], ids.shape[1]) if self.text.padded else (a[2] + 1, b[2] + 1)
            pairs = list(zip(*aligned_tail(a[2], b[2], *ends), strict=True))
            # words around the phrase read it, too; a chat is written on behind every prompt
            if self.text.chat or not self.text.causal:
                pairs = aligned_around(self.text.begin, a, b) + pairs
            for x, y in pairs:
                into.append(x)
                out_of.append(y)
                row.append(i)
        self._tail_at = tuple(torch.tensor(v, device=ids.device) for v in (into, out_of, row))

    def _encoded(self, ids: Tensor, after: Tensor, run: Run) -> Encoded:
        return self.text.encoded(ids, after, self.block + 1, run)

    def _mean(self, prompts: Prompts, after: Tensor) -> Tensor:
        """One state for each concept: the mean over its own prompts' last tokens, or its first prompt's."""
        found = average(prompts.at_last(after)[self._own], prompts.owner[self._own], prompts.concepts)
        return found.float().to(after.device)

    def _conditioned(self, prompts: Prompts) -> tuple[Tensor, Run]:
        """Token ids and the way through the blocks.

        The window unmasked, which may be cut behind what matters, or the longest prompt's length with masked padding.
        """
        if self._conditioning == "window":
            length = None if self._tail is None else int(prompts.end.max()) + 1 + self._tail
            ids = prompts.ids[:, :length]
            return ids, self.text.way(ids)
        return _masked(self.text, prompts)


def templates(concept: Concept, wide: bool) -> tuple[str, ...]:
    """A concept's prompts, or with ``wide`` these and its contexts."""
    return concept.prompts + concept.contexts if wide else concept.prompts


def lengths(text: TextEncoder, concept: Concept) -> tuple[int, int]:
    """Tokens of the longest source and destination prompt, begin and end included."""
    source = max(text.locate(t, concept.source).end for t in concept.prompts)
    if concept.destination is None:
        return source + 1, 0
    return source + 1, max(text.locate(t, concept.destination).end for t in concept.prompts) + 1


def _some(prompts: Prompts, inside: Tensor, chosen: Tensor) -> Prompts:
    """The rows (p,) inside, which are all of the chosen concepts'."""
    columns = {field.name: getattr(prompts, field.name) for field in fields(prompts)}
    columns = {name: column[inside] for name, column in columns.items() if isinstance(column, Tensor)}
    columns["owner"] = torch.searchsorted(chosen, columns["owner"])
    return replace(prompts, **columns, concepts=len(chosen))


def _rows(encoded: Encoded, inside: Tensor) -> Encoded:
    states = encoded.states[inside]
    final = states if encoded.final is encoded.states else encoded.final[inside]
    return Encoded(encoded.ids[inside], states, final)


def _masked(text: TextEncoder, prompts: Prompts) -> tuple[Tensor, Run]:
    """Token ids and the way through the blocks: the longest prompt's length, padding masked."""
    ids = prompts.ids[:, : int(prompts.end.max()) + 1]
    mask = (torch.arange(ids.shape[1], device=ids.device) <= prompts.end[:, None]).long()
    # the last block's call: T5's first one makes the position bias that the others are handed
    call = handed(text.blocks[-1], lambda: text.model(ids, attention_mask=mask))
    return ids, lambda states, first, stop: through(text.blocks[first:stop], states, call)
