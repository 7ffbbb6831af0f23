"""Stage I over a store: what is missing is learned batch by batch and kept at once, what is known never again.

A memory of an optimised value depends on the batch that it was learned in, in its last bits. So batches follow from
the plan alone, and one that was cut off while its memories were being stored is learned again as a whole: a resumed
run ends with the bits of an unbroken one. Several processes may share a store. Each takes the batches in an order of
its own and looks again before each whether another has done it; of two that do the same, the first one's memory stays
for both.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence

from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.halving import halving
from overpaint.methods.company import composition, together
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.memory import Concept, Memory, memory_key
from overpaint.methods.emcid.stage_one import stage_one, steps_of
from overpaint.methods.emcid.tasks import batches
from overpaint.methods.store import MemoryStore, scheduler_fingerprint, tokenizer_fingerprint
from overpaint.progress import Progress

__all__ = ["Learning", "learn"]

QUEUE = 4
"""Where concepts may stop early: so many times what is optimised together is one batch, whose places are refilled."""

_log = logging.getLogger(__name__)


def learn(
    backbone: Backbone,
    concepts: Sequence[Concept],
    config: EmcidConfig,
    after: Mapping[str, int],
    store: MemoryStore,
    progress: Progress,
) -> list[Memory]:
    """Memories of all concepts, from the store or learned now and put there after each batch.

    A batch for which there is not enough memory is halved, and all that come after it. What has diverged is kept too,
    so that it is not tried again; see `Memory.finite`.
    """
    work = Learning(backbone, concepts, config, after, store)
    todo = [members for members in work.batches if work.missing(members)]
    random.Random().shuffle(todo)
    if todo:
        total = sum(steps_of(concepts[i], config) for members in todo for i in work.missing(members))
        with progress.task(f"Stage I, {config.values}", total=total, unit="step") as advance:

            def stage(group: list[int]) -> list[Memory]:
                return stage_one(backbone, [concepts[i] for i in group], config, after, progress, advance)

            for group, memories in halving((work.missing(members) for members in todo), stage, "concepts"):
                work.keep(group, memories)
    return work.memories


class Learning:
    """Which concepts are learned together, and what is known of them.

    Attributes:
        batches: indices of concepts.
    """

    def __init__(
        self,
        backbone: Backbone,
        concepts: Sequence[Concept],
        config: EmcidConfig,
        after: Mapping[str, int],
        store: MemoryStore,
    ) -> None:
        model = backbone.fingerprint
        tokenizer = tokenizer_fingerprint(*(text.tokenizer for text in backbone.text_encoders))
        schedule = scheduler_fingerprint(backbone)
        size = config.together * (1 if config.patience is None else QUEUE)
        self.batches = list(batches(backbone.text, concepts, config.conditioning, size))
        self._concepts = concepts
        self._store = store
        self._keys = [memory_key(c, config, after, model, tokenizer, schedule) for c in concepts]
        self._found: dict[int, dict[str, Tensor]] = {}

    @property
    def memories(self) -> list[Memory]:
        """One for each concept, all of which are known by now."""
        return [Memory.of(self._found[i]) for i in range(len(self._concepts))]

    def missing(self, members: Sequence[int]) -> list[int]:
        """Concepts of a batch to be learned now, in one batch: see `overpaint.methods.company.together`."""
        for i in members:
            if i not in self._found and (tensors := self._store.get(self._keys[i])) is not None:
                self._found[i] = tensors
        marks = {i: self._found[i].get("batch") for i in members if i in self._found}
        return together(members, {i: self._keys[i] for i in members}, marks)

    def keep(self, group: Sequence[int], memories: Sequence[Memory]) -> None:
        """Store what was learned in one batch. What the store has already stays as it is."""
        mark = composition([self._keys[i] for i in group])
        for i, memory in zip(group, memories, strict=True):
            if i not in self._found:
                tensors = {**memory.tensors(), "batch": mark}
                self._found[i] = self._store.keep(self._keys[i], tensors, _meta(self._concepts[i], memory))
                if not memory.finite:
                    _log.warning("%r has diverged", self._concepts[i].source)


def _meta(concept: Concept, memory: Memory) -> dict[str, str]:
    noise, text, _ = memory.loss.tolist()
    return {
        "source": concept.source,
        "destination": concept.destination or "",
        "objective": concept.objective,
        "noise loss": f"{noise:.6g}",
        "text loss": f"{text:.6g}",
    }
