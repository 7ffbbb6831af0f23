"""ESD from plan to patch: pools, updates, stopping, and the change that is left."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property

import torch

from overpaint.backbone.backbone import Backbone
from overpaint.errors import PlanError
from overpaint.methods.esd.adapter import AdapterStudent
from overpaint.methods.esd.config import EsdConfig
from overpaint.methods.esd.erasures import Erasure, Texts, erasures_of, prompts_of
from overpaint.methods.esd.kept import Kept, kept_prompts
from overpaint.methods.esd.pool import Pool, join
from overpaint.methods.esd.rows import erasing, keeping
from overpaint.methods.esd.selection import Slot, select
from overpaint.methods.esd.sources import Cached, Published, Source
from overpaint.methods.esd.state import Ledger
from overpaint.methods.esd.student import DenseStudent, Student
from overpaint.methods.esd.training import Training
from overpaint.methods.esd.trajectories import length
from overpaint.methods.esd.validation import Validator, WayLeft, gone, least_strength
from overpaint.methods.provenance import provenance_of
from overpaint.methods.records import Records
from overpaint.methods.store import MemoryStore
from overpaint.methods.training.frozen import frozen
from overpaint.methods.training.updates import updates_of
from overpaint.patch import Patch
from overpaint.plan import Plan
from overpaint.progress import Progress
from overpaint.seeding import derive

__all__ = ["fit"]

_log = logging.getLogger(__name__)


def fit(
    backbone: Backbone,
    plan: Plan,
    config: EsdConfig,
    *,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None = None,
    validator: Validator | None = None,
) -> Patch:
    """The patch of a plan. A run that was stopped goes on from its last state in ``store`` and ends with the same bits.

    Args:
        captions: what ``settings.captions`` are drawn from; the bundled model brings its own.
        validator: measures what is left of the concepts, in place of `WayLeft`; ``settings.gone`` is in its measure.
            A run that goes on needs the same one.

    Raises:
        PlanError: the plan does not fit the model, or pictures are to be looked at and nobody does; before any work
            starts.
        OverpaintError: no captions for a model that brings none, or no peft for factors of low rank.
    """
    if config.until != "steps" and config.measure == "pictures" and validator is None:
        at = plan.at("settings.measure")
        raise PlanError(
            f"{at}: nobody looks at pictures here; say --grader, give fit() a validator, or take predictions"
        )
    erasures = erasures_of(backbone.text, plan, config)
    slots = select(backbone.denoiser, config.parameters, backbone.denoiser_name)
    kept = kept_prompts(backbone, plan, config, erasures, captions)
    ledger = Ledger(store, backbone, erasures, kept, config, plan.seed)
    texts = Texts(backbone, [*prompts_of(erasures), *(prompt for one in kept for prompt in one.drawn)])
    with frozen(backbone.denoiser), _student(backbone, slots, config, plan.seed) as student:
        # all that the original model draws and predicts comes first
        run = _Run(backbone, texts, erasures, config, ledger, progress, student)
        keep = run.keep(kept, plan.seed)
        validate: Validator | None = None
        if config.until != "steps":
            validate = validator or WayLeft(backbone, texts, erasures, config)
        training = Training(backbone, student, texts, run.source(plan.seed), keep, config)
        left = _train(training, backbone, erasures, config, ledger, progress, validate)
        strength = 1.0
        if config.until == "strength" and validate is not None:
            strength, left = least_strength(student, validate, backbone, erasures, _goals(erasures, config))
        deltas = student.deltas(strength)
    ledger.finish()
    names = [erasure.name for erasure in erasures]
    for name, rest, goal in zip(names, left, _goals(erasures, config), strict=False):
        if rest > goal:
            _log.warning("%r is not gone: %.2f is left (goal: %.2f); give it more steps", name, rest, goal)
    made = {
        "updates": training.step,
        "loss": None if training.loss is None else asdict(training.loss),
        "left": dict(zip(names, left, strict=False)),
        "strength": strength,
        "preserved prompts": sum(len(one.used) for one in kept),
    }
    return Patch.made_on(backbone.pipe, deltas, provenance_of(backbone, plan, config, training=made))


class _Run:
    """Makes pools, or finds them in the ledger."""

    def __init__(
        self,
        backbone: Backbone,
        texts: Texts,
        erasures: Sequence[Erasure],
        config: EsdConfig,
        ledger: Ledger,
        progress: Progress,
        student: Student,
    ) -> None:
        self._backbone, self._texts, self._erasures = backbone, texts, erasures
        self._config, self._ledger, self._progress, self._student = config, ledger, progress, student
        self._batch = config.batch

    def source(self, seed: int) -> Source:
        """Rows to erase by."""
        config = self._config
        if config.sampling == "published":
            return Published(
                self._backbone, self._texts, self._erasures, config, derive(seed, "published"), self._student.acting
            )
        return Cached(self._erase, self._batch, derive(seed, "erase"), config.on_policy_every)

    def keep(self, kept: Sequence[Kept], seed: int) -> Source | None:
        """Rows to keep by: of preserved prompts, and of the empty one at the latents of what is erased."""
        pools = [self._kept(one, seed) for one in kept]
        if self._config.protect and self._config.preserve > 0 and (empty := self._original[1]) is not None:
            pools.append(empty)
        if not pools:
            return None
        pool = join(pools)
        return Cached(lambda number: pool, self._batch, derive(seed, "keep"))

    def _kept(self, kept: Kept, seed: int) -> Pool:
        """The original model's pool of preserved prompts."""
        prompts = list(kept.drawn)
        with self._progress.task("trajectories to keep", sum(kept.drawn.values()), "image") as advance:
            records = self._ledger.kept(kept)
            pool = keeping(
                self._backbone, self._texts, kept.drawn, self._config, seed, records=records, advance=advance
            )
        # runs with other erasures share the records, and use others of the prompts
        wanted = set(kept.used)
        used = torch.tensor([prompt in wanted for prompt in prompts])
        return pool.rows(used[pool.concept].nonzero()[:, 0])

    def _erase(self, number: int) -> Pool:
        """The pool of a round; the first is the original model's own."""
        if number == 0:
            return self._original[0]
        found = self._ledger.refreshed(number)
        if found is None:
            found, _ = self._drawn(f"round {number}", self._student, None)
            if self._config.checkpoint_every:
                self._ledger.put_refreshed(number, found)
        return found

    @cached_property
    def _original(self) -> tuple[Pool, Pool | None]:
        """The original model's pools: what is to be erased, and what goes with it and is to be kept."""
        return self._drawn("round 0", None, self._ledger.original)

    def _drawn(
        self, label: str, sampler: Student | None, records: Records[tuple[Erasure, range]] | None
    ) -> tuple[Pool, Pool | None]:
        config, erasures = self._config, list(self._erasures)
        counts = [config.trajectories] * len(erasures)
        if sampler is not None:
            steps = length(self._backbone, config.image_steps)
            for number, erasure in enumerate(erasures):
                prompts, counts[number] = config.refreshed(len(erasure.templates), steps)
                erasures[number] = erasure.some(prompts, label)
        total = sum(n * len(erasure.templates) for n, erasure in zip(counts, erasures, strict=True))
        with self._progress.task("trajectories", total, "image") as advance, torch.no_grad():
            return erasing(
                self._backbone,
                self._texts,
                erasures,
                config,
                counts,
                label,
                sampler=None if sampler is None else sampler.acting,
                records=records,
                advance=advance,
            )


def _train(
    training: Training,
    backbone: Backbone,
    erasures: Sequence[Erasure],
    config: EsdConfig,
    ledger: Ledger,
    progress: Progress,
    validate: Validator | None,
) -> list[float]:
    """Make all updates that are still to be made; what was left of each concept when it was last measured."""
    total = updates_of(len(erasures), config.steps, config.further)
    left: list[float] = []
    state = ledger.training()
    if state is not None and _whole(int(state["step"]), config, ledger):
        training.resume(state)
    with progress.task(f"ESD-{config.parameters}", total, "update") as advance:
        advance(training.step)

        def after(step: int) -> bool:
            loss = 0.0 if training.loss is None else training.loss.erase
            advance(1, note=f"loss {loss:.4f}")
            if validate is not None and (step % config.validate_every == 0 or step == total):
                with torch.no_grad(), training.student.acting():
                    left[:] = validate(backbone, erasures)
                if config.until == "gone" and gone(left, _goals(erasures, config)):
                    return True
            if config.checkpoint_every and step < total:
                every = config.on_policy_every
                # at the border of two rounds, too: the old round's pool will not be there any more
                if step % config.checkpoint_every == 0 or (every and step % every == 0):
                    ledger.put_training(training.tensors())
            return False

        training.run(total, after)
    return left


def _goals(erasures: Sequence[Erasure], config: EsdConfig) -> list[float]:
    """How little of each concept is gone."""
    return [config.enough(erasure.apart) for erasure in erasures]


def _whole(step: int, config: EsdConfig, ledger: Ledger) -> bool:
    """Whether training can go on from a state: the pool that the student drew for its round must be there."""
    every = config.on_policy_every
    if config.sampling == "published" or every is None or step < every or step % every == 0:
        return True
    return ledger.refreshed(step // every) is not None


@contextmanager
def _student(backbone: Backbone, slots: Sequence[Slot], config: EsdConfig, seed: int) -> Iterator[Student]:
    if config.rank is None:
        yield DenseStudent(slots, backbone.device)
        return
    student = AdapterStudent(backbone.denoiser, slots, config.rank, derive(seed, "esd"))
    try:
        yield student
    finally:
        student.close()
