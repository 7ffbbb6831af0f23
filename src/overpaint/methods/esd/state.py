"""What a run of ESD leaves in the store while it trains, so that a stopped one goes on to the same bits.

Records: the pools that the original model drew (shared by all variants of the method), the last pool that the student
drew, and the training itself. The last two are emptied in the end.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.methods.esd.config import EsdConfig
from overpaint.methods.esd.erasures import Erasure
from overpaint.methods.esd.kept import Kept
from overpaint.methods.esd.pool import Pool
from overpaint.methods.store import MemoryStore, digest, fingerprints, once

__all__ = ["ERASE", "VERSION", "Ledger"]

_log = logging.getLogger(__name__)

VERSION = 3
"""Raised whenever the same settings would train otherwise."""

ERASE = "erase"
DRAWING = ("image_steps", "guidance", "eta", "protect", "trajectories")
KEEPING = ("image_steps", "guidance", "preserve_trajectories")
NO_PART = ("checkpoint_every",)
"""Settings that change nothing in the result."""


class Ledger:
    """The records of one run, by content key."""

    def __init__(
        self,
        store: MemoryStore,
        backbone: Backbone,
        erasures: Sequence[Erasure],
        kept: Sequence[Kept],
        config: EsdConfig,
        seed: int,
    ) -> None:
        self._store = store
        self._source = ", ".join(erasure.source for erasure in erasures)
        settings = config.model_dump(mode="json")
        model = {"version": VERSION, **fingerprints(backbone)}
        asked = [_asked(erasure) for erasure in erasures]
        chosen = {name: settings[name] for name in DRAWING}
        self._original = digest({**model, "what": "esd pool", "erasures": asked, "settings": chosen})
        self._keeping = {**model, "what": "esd kept pool", "seed": seed, "settings": [settings[n] for n in KEEPING]}
        for name in NO_PART:
            del settings[name]
        run = {**model, "erasures": asked, "kept": [one.used for one in kept], "settings": settings, "seed": seed}
        self._training = digest({**run, "what": "esd training"})
        self._refreshed = digest({**run, "what": "esd refreshed pool"})

    # ---- pools ----------------------------------------------------------------------------------------------------

    def original(self) -> dict[str, Pool] | None:
        """The original model's pools: of `ERASE`, and what goes with it."""
        return _unpacked(self._store.get(self._original))

    def put_original(self, pools: dict[str, Pool]) -> None:
        """Keep them."""
        self._put(self._original, _packed(pools), "trajectories")

    def kept(self, kept: Kept, make: Callable[[], Pool]) -> Pool:
        """The original model's pool of preserved prompts, made if it is not there. Its rows' ``prompt`` is no use."""
        meta = {"what": "ESD: trajectories of captions"} if kept.shared else self._meta("trajectories")
        content = {**self._keeping, "prompts": list(kept.drawn.items())}
        return Pool.of(once(self._store, content, lambda: make().tensors(), meta))

    def refreshed(self, number: int) -> Pool | None:
        """The pool that the student drew for a round, if it is the last one that was put here."""
        tensors = self._store.get(self._refreshed)
        if not tensors or int(tensors["round"]) != number:
            return None
        return (_unpacked({k: v for k, v in tensors.items() if k != "round"}) or {}).get(ERASE)

    def put_refreshed(self, number: int, pool: Pool) -> None:
        """Keep it in place of the one before."""
        self._put(self._refreshed, {**_packed({ERASE: pool}), "round": torch.tensor(number)}, "trajectories")

    # ---- training -------------------------------------------------------------------------------------------------

    def training(self) -> dict[str, Tensor] | None:
        """The last state of the training."""
        return self._store.get(self._training) or None

    def put_training(self, tensors: dict[str, Tensor]) -> None:
        """Keep copies in place of the state before."""
        self._put(
            self._training, {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}, "training"
        )

    def finish(self) -> None:
        """Make room: what is left of training is of no use to anybody but the run that has just ended."""
        for key in (self._training, self._refreshed):
            if self._store.get(key):
                self._put(key, {}, "emptied")

    def _put(self, key: str, tensors: dict[str, Tensor], what: str) -> None:
        self._store.put(key, tensors, self._meta(what))

    def _meta(self, what: str) -> dict[str, str]:
        # "source" tells stores that the record is about a concept, and so belongs to its run alone
        return {"what": f"ESD: {what}", "source": self._source}


def _asked(erasure: Erasure) -> dict[str, Any]:
    return {
        **{name: getattr(erasure, name) for name in ("source", "given", "base", "seed")},
        "templates": list(erasure.templates),
        "checked": list(erasure.checked),
        "styled": list(erasure.styled),
        "images": [hashlib.sha256(path.read_bytes()).hexdigest() for path in erasure.images],
    }


def _packed(pools: dict[str, Pool]) -> dict[str, Tensor]:
    return {f"{kind} {name}": tensor for kind, pool in pools.items() for name, tensor in pool.tensors().items()}


def _unpacked(tensors: dict[str, Tensor] | None) -> dict[str, Pool] | None:
    if not tensors:
        return None
    kinds = dict.fromkeys(name.partition(" ")[0] for name in tensors)
    return {
        kind: Pool.of({n.partition(" ")[2]: tensor for n, tensor in tensors.items() if n.partition(" ")[0] == kind})
        for kind in kinds
    }
