"""Where a concept lives in a text encoder: causal tracing of its last token (Basu et al., arXiv 2310.13730).

A source and a destination are put in the same prompt. In the source's run the state of the last concept token after
block l is replaced by the destination's. What share of the way to the destination's final states do the others go?
High at the end token while l is low: the concept is gathered at its last token first and read from there later, so
editing what the blocks up to l write there edits the concept (EMCID, arXiv 2403.13807). Low everywhere: the encoder
reads raw tokens, and such an edit cannot work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.backbone.subject import Subject
from overpaint.backbone.text import TextEncoder
from overpaint.errors import BackboneError
from overpaint.progress import Advance

__all__ = ["PAIRS", "TEMPLATES", "Trace", "causal_trace", "choose_blocks"]

TEMPLATES: tuple[str, ...] = ("an image of a {}", "a photo of a {}", "{}")
"""Prompts that a trace uses when none are given."""

PAIRS: tuple[tuple[str, str], ...] = (
    ("golden retriever", "fire truck"),
    ("police car", "grand piano"),
    ("acoustic guitar", "pizza"),
    ("hot dog", "banana"),
    ("red apple", "tennis racket"),
    ("mailbox", "windmill"),
    ("lighthouse", "mushroom"),
    ("sunflower", "goldfish"),
    ("polar bear", "coffee mug"),
    ("wine glass", "sunglasses"),
    ("wristwatch", "sailboat"),
    ("school bus", "toaster"),
    ("teapot", "strawberry"),
    ("pineapple", "flamingo"),
    ("penguin", "tent"),
    ("castle", "scarecrow"),
    ("snowman", "backpack"),
    ("umbrella", "motorcycle"),
    ("bicycle", "elephant"),
    ("zebra", "hammer"),
)
"""Everyday nouns of one to three words that any text-to-image model knows, for a trace without names of one's own."""


@dataclass(frozen=True)
class Trace:
    """Recovered share ``1 - ||patched - destination||^2 / ||source - destination||^2`` of the final states, by block.

    Attributes:
        end: at the end token, the last concept token replaced after block 0, 1, ...
        padding: the same at the padding tokens.
        end_all, padding_all: with all concept tokens replaced (pairs whose names have equally many tokens only).
        pairs, prompts: how many names and how many prompts were averaged over; `aligned` of the prompts went into the
            last two (none: they are NaN).
    """

    end: tuple[float, ...]
    padding: tuple[float, ...]
    end_all: tuple[float, ...]
    padding_all: tuple[float, ...]
    pairs: int
    prompts: int
    aligned: int

    @property
    def blocks(self) -> int:
        """Number of blocks that were traced: all that the denoiser sees the work of."""
        return len(self.end)


@torch.no_grad()
def causal_trace(
    text: TextEncoder,
    pairs: Sequence[tuple[str, str]] = PAIRS,
    templates: Sequence[str] = TEMPLATES,
    chunk: int = 128,
    advance: Advance | None = None,
) -> Trace:
    """Trace every pair (source, destination) in every template; see `Trace`.

    End and padding tokens are compared at the same distance from each prompt's own end, as far as both reach.

    Raises BackboneError if there is no pair or no template.
    """
    if not pairs or not templates:
        raise BackboneError("a causal trace needs at least one pair of concepts and one template; name two concepts")
    found = [(text.locate(t, a), text.locate(t, b)) for t in templates for a, b in pairs]
    sums = torch.zeros(4, text.depth, dtype=torch.float64)
    aligned = 0
    for begin in range(0, len(found), chunk):
        part = found[begin : begin + chunk]
        sums[:2] += _recovered(text, part, [range(a.last, a.last + 1) for a, _ in part])
        same = [(a, b) for a, b in part if a.stop - a.start == b.stop - b.start]
        if same:
            sums[2:] += _recovered(text, same, [range(a.start, a.stop) for a, _ in same])
            aligned += len(same)
        if advance is not None:
            advance(len(part))
    sums[:2] /= len(found)
    sums[2:] /= aligned if aligned else float("nan")
    end, padding, end_all, padding_all = (tuple(row.tolist()) for row in sums)
    return Trace(end, padding, end_all, padding_all, len(pairs), len(found), aligned)


def choose_blocks(trace: Trace, threshold: float = 0.8, blocks: int | None = None) -> tuple[int, ...]:
    """Blocks to edit by a trace: 0 .. l, l being the last one in the lower half that keeps the end token's share.

    ``blocks``: of the encoder, where not all were traced.

    A share counts as kept at ``threshold`` times the trace's best. Values then act after block l. BackboneError if no
    block of the lower half recovers a quarter: the encoder does not gather concepts at their last token.
    """
    half = max(1, min(trace.blocks, (blocks or trace.blocks) // 2))
    best = max(trace.end)
    kept = [block for block in range(half) if trace.end[block] >= threshold * best]
    if not kept or trace.end[kept[-1]] < 0.25:
        raise BackboneError(
            f"causal trace: the end token recovers {max(trace.end[:half]):.2f} of a concept at best in the lower half"
            " of this text encoder, so an edit of the concept's last token cannot work; name blocks in the settings"
        )
    return tuple(range(kept[-1] + 1))


def _recovered(text: TextEncoder, part: Sequence[tuple[Subject, Subject]], replaced: Sequence[range]) -> Tensor:
    """Recovered shares at end and padding, summed over prompts (2, blocks), float64.

    ``replaced`` gives the source positions that take the destination's state, aligned at the last concept token.
    """
    # what nothing reads is not computed
    length = None if text.padded or not text.causal else 1 + max(subject.end for both in part for subject in both)
    ids = [text.tokenize([subject.prompt for subject in column])[:, :length] for column in zip(*part, strict=True)]
    source, destination = map(text.embed, ids)
    runs = list(map(text.way, ids))
    rows = torch.tensor([i for i, r in enumerate(replaced) for _ in r], device=source.device)
    into = torch.tensor([p for r in replaced for p in r], device=source.device)
    shift = [b.last - a.last for a, b in part]
    out_of = torch.tensor([p + shift[i] for i, r in enumerate(replaced) for p in r], device=source.device)
    final_source, final_destination = (
        text.read(states, run=run) for states, run in zip((source, destination), runs, strict=True)
    )
    shares = torch.zeros(2, text.depth, dtype=torch.float64)
    for block in range(text.depth):
        source, destination = (
            run(states, block, block + 1) for states, run in zip((source, destination), runs, strict=True)
        )
        patched = source.clone()
        patched[rows, into] = destination[rows, out_of]
        final = text.read(patched, block + 1, runs[0])
        shares[:, block] = _shares(part, final, final_source, final_destination)
    return shares


def _shares(part: Sequence[tuple[Subject, Subject]], patched: Tensor, source: Tensor, destination: Tensor) -> Tensor:
    """Recovered share at the end token and at the padding, summed over prompts (2,), float64."""
    total = torch.zeros(2, dtype=torch.float64)
    window = patched.shape[1]
    for i, (a, b) in enumerate(part):
        length = window - max(a.end, b.end)
        wanted = destination[i, b.end : b.end + length].double()
        left = (patched[i, a.end : a.end + length].double() - wanted).square().sum(dim=1)
        whole = (source[i, a.end : a.end + length].double() - wanted).square().sum(dim=1)
        total[0] += 1 - float(left[0] / whole[0])
        # a prompt that fills the window has no padding: its end token stands in
        total[1] += 1 - float(left[1:].sum() / whole[1:].sum()) if length > 1 else 1 - float(left[0] / whole[0])
    return total
