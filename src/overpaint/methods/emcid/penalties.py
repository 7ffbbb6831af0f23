"""What captions hold against a change, by block: second moments of keys and their factors, from the store or made now.

Both depend on nothing but the model and the captions, so any number of fits shares them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.text import TextEncoder
from overpaint.linear.moments import from_triangle, triangle
from overpaint.linear.precision import exact_device
from overpaint.linear.ridge import JITTER, Penalty, penalty
from overpaint.methods.emcid.moments import KeyMoments, key_moments, pack, unpack
from overpaint.methods.store import MemoryStore, digest, once, tokenizer_fingerprint
from overpaint.progress import Progress

__all__ = ["penalties_of"]

VERSION = 2
"""Raised whenever the same captions would give other moments, be it by rounding: patches would differ."""


def penalties_of(
    backbone: Backbone,
    text: TextEncoder,
    captions: Sequence[str],
    blocks: Sequence[int],
    padding: float,
    store: MemoryStore,
    progress: Progress,
) -> Callable[[int], Penalty]:
    """The penalty of a block when it is asked for: those of a large model do not fit into memory together.

    Moments are gathered with the first that is missing, in one pass for all blocks that lack them.

    Args:
        padding: how much a padding token counts against a caption token.
    """
    content = {
        "version": VERSION,
        "model": backbone.fingerprint,
        "encoder": text.name,
        "tokenizer": tokenizer_fingerprint(text.tokenizer),
        "captions": digest(list(captions)),
        "padding": padding > 0,
    }
    where = exact_device(text.device)
    keys = {block: digest({**content, "moments of block": block}) for block in blocks}

    def moments(block: int) -> KeyMoments:
        if store.get(keys[block]) is None:
            missing = [other for other in blocks if store.get(keys[other]) is None]
            with progress.task("second moments", total=len(captions), unit="caption") as advance:
                gathered = key_moments(text, captions, missing, padding > 0, advance=advance)
            for other, found in gathered.items():
                meta = {"what": f"second moment of the keys of block {other}", "captions": str(len(captions))}
                store.put(keys[other], pack(found), meta)
        return unpack(store.get(keys[block]) or {}, text.key_width)

    def read(block: int) -> Penalty:
        asked = {**content, "factor of block": block, "padding counts": padding, "jitter": JITTER}

        def factored() -> dict[str, Tensor]:
            return {"upper": triangle(penalty(moments(block).mean(padding).to(where), JITTER).cholesky.mT)}

        meta = {"what": f"factor of the second moment of block {block}", "captions": str(len(captions))}
        known = once(store, asked, factored, meta)
        # made or found, it is laid out alike in memory: what solves with it rounds alike
        return Penalty(from_triangle(known["upper"]).to(where).mT)

    return read
