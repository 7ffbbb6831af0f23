"""Tokens of captions, at which gates stay shut: they hang on the model and the captions alone, so fits share them.

Reading thousands of captions is nearly all that a single gated edit takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.text import TextEncoder
from overpaint.methods.gates.tails import ahead, behind, look, thinned
from overpaint.methods.store import MemoryStore, digest, once, tokenizer_fingerprint

__all__ = ["MOST", "Said", "said_by"]

MOST = 8_000
"""Tokens before the captions' ends, half as many as from there on: more of them tell little more, and take as long."""
VERSION = 1
"""Raised whenever the same captions would give other tokens."""


@dataclass(frozen=True)
class Said:
    """Tokens (q) of captions.

    Attributes:
        inputs: (q, width) of the feed-forward layer.
        caption: (q,) number of the caption that each is of.
    """

    inputs: Tensor
    caption: Tensor


def said_by(backbone: Backbone, text: TextEncoder, captions: Sequence[str], block: int, store: MemoryStore) -> Said:
    """What a block reads at tokens of captions, thinned out; from the store, or read and kept there."""
    content = {
        "version": VERSION,
        "what": "tokens that gates stay shut at",
        "model": backbone.fingerprint,
        "encoder": text.name,
        "tokenizer": tokenizer_fingerprint(text.tokenizer),
        "captions": digest(list(captions)),
        "block": block,
        "most": MOST,
    }

    def read() -> dict[str, Tensor]:
        ids = text.tokenize(captions)
        end = text.end_positions(ids)
        row, far = behind(end, ids.shape[1])
        parts = [thinned((row, end[row] + far), 2 * MOST), thinned(ahead(end), MOST)]
        row, position = (torch.cat(column) for column in zip(*parts, strict=True))
        return {"inputs": look(text, ids, row, position, block).inputs.cpu(), "caption": row.cpu()}

    meta = {"what": f"captions at block {block}, for gates", "captions": str(len(captions))}
    known = once(store, content, read, meta)
    return Said(known["inputs"].to(text.device), known["caption"].to(text.device))
