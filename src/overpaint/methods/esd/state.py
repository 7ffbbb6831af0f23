"""What a run of ESD leaves in the store while it trains, so that a stopped one goes on to the same bits.

Records: parts of the pools that the original model drew (shared by all variants of the method, and by all runs that
erase the same concept), the last pool that the student drew, and the training itself. The last two are emptied in the
end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.methods.esd.config import EsdConfig
from overpaint.methods.esd.erasures import Erasure
from overpaint.methods.esd.kept import Kept
from overpaint.methods.esd.pool import Pool
from overpaint.methods.records import Records, StoredRecords
from overpaint.methods.store import MemoryStore, digest, fingerprints

__all__ = ["VERSION", "Ledger"]

VERSION = 3
"""Raised whenever the same settings would train otherwise."""

DRAWING = ("image_steps", "guidance", "trajectories")
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
        chosen = {name: settings[name] for name in DRAWING}
        self._original = {**model, "what": "esd predictions", "settings": chosen}
        self._keeping = {**model, "what": "esd kept pool", "seed": seed, "settings": [settings[n] for n in KEEPING]}
        for name in NO_PART:
            del settings[name]
        asked = [_asked(erasure) for erasure in erasures]
        run = {**model, "erasures": asked, "kept": [one.used for one in kept], "settings": settings, "seed": seed}
        self._training = digest({**run, "what": "esd training"})
        self._refreshed = digest({**run, "what": "esd refreshed pool"})

    # ---- pools ----------------------------------------------------------------------------------------------------

    @property
    def original(self) -> Records[tuple[Erasure, range]]:
        """Of trajectories of an erasure, by their numbers, that the original model drew."""

        def content(about: tuple[Erasure, range]) -> dict[str, Any]:
            erasure, part = about
            asked = {name: value for name, value in _asked(erasure).items() if name != "checked"}
            return {**self._original, "erasure": asked, "part": [part.start, part.stop]}

        return StoredRecords(self._store, content, lambda about: _meta("trajectories", about[0].source))

    def kept(self, kept: Kept) -> Records[Mapping[str, int]]:
        """Of preserved prompts, by their numbers of trajectories."""
        meta = {"what": "ESD: trajectories of captions"} if kept.shared else _meta("trajectories", self._source)
        return StoredRecords(
            self._store, lambda about: {**self._keeping, "prompts": list(about.items())}, lambda _: meta
        )

    def refreshed(self, number: int) -> Pool | None:
        """The pool that the student drew for a round, if it is the last one that was put here."""
        tensors = self._store.get(self._refreshed)
        return Pool.of(tensors) if tensors and int(tensors["round"]) == number else None

    def put_refreshed(self, number: int, pool: Pool) -> None:
        """Keep it in place of the one before."""
        self._put(self._refreshed, {**pool.tensors(), "round": torch.tensor(number)}, "trajectories")

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
        self._store.put(key, tensors, _meta(what, self._source))


def _meta(what: str, source: str) -> dict[str, str]:
    return {"what": f"ESD: {what}", "source": source}


def _asked(erasure: Erasure) -> dict[str, Any]:
    return {
        **{name: getattr(erasure, name) for name in ("source", "given", "base", "seed")},
        "templates": list(erasure.templates),
        "checked": list(erasure.checked),
        "styled": list(erasure.styled),
        "images": [hashlib.sha256(path.read_bytes()).hexdigest() for path in erasure.images],
    }
