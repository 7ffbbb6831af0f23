"""Concept Ablation from plan to patch: anchor pictures, updates, and the change that is left."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict

from overpaint.backbone.backbone import Backbone
from overpaint.methods.ablation.ablations import Ablation, ablations_of
from overpaint.methods.ablation.config import AblationConfig
from overpaint.methods.ablation.drawn import drawn
from overpaint.methods.ablation.embedding import EmbeddingStudent, own_tokens
from overpaint.methods.ablation.training import Pictures, Read, Training
from overpaint.methods.esd.erasures import Texts
from overpaint.methods.esd.selection import Variant, select
from overpaint.methods.esd.student import DenseStudent, Student
from overpaint.methods.provenance import provenance_of
from overpaint.methods.store import MemoryStore, digest, fingerprints
from overpaint.methods.training.frozen import frozen
from overpaint.methods.training.updates import updates_of
from overpaint.patch import Patch
from overpaint.plan import Plan
from overpaint.progress import Progress
from overpaint.seeding import derive

__all__ = ["fit"]

VERSION = 2
"""Raised whenever the same settings would train otherwise."""


def fit(
    backbone: Backbone,
    plan: Plan,
    config: AblationConfig,
    *,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None = None,
) -> Patch:
    """The patch of a plan. A run that was stopped goes on from its last state in ``store`` and ends with the same bits.

    Pictures of anchors are drawn by the original model and kept in ``store``. Captions are not needed.

    Raises:
        PlanError: the plan does not fit the model or the settings; before any work starts.
    """
    ablations = ablations_of(backbone.text, plan, config)
    student = _student(backbone, plan, ablations, config)
    key = _key(backbone, plan, ablations, config)
    anchors = _anchors(backbone, ablations, config, store, progress)
    kept = _preserved(backbone, plan, config, store, progress)
    with ExitStack() as stack:
        for module in (backbone.denoiser, *(text.model for text in backbone.text_encoders)):
            stack.enter_context(frozen(module))
        read = _reader(backbone, config, [*anchors.asked, *anchors.drawn, *(kept.asked if kept else ())])
        training = Training(backbone, student, read, anchors, kept, config, derive(plan.seed, "ablation"))
        updates = updates_of(len(ablations), config.steps, config.further)
        _train(training, updates, config, store, key, progress)
    if store.get(key):
        store.put(key, {}, {"what": "ablation: emptied", "source": "all"})
    done = {"updates": training.descent.step, "loss": training.loss}
    return Patch.made_on(backbone.pipe, student.deltas(), provenance_of(backbone, plan, config, training=done))


def _student(backbone: Backbone, plan: Plan, ablations: Sequence[Ablation], config: AblationConfig) -> Student:
    if config.parameters == "embedding":
        return EmbeddingStudent(backbone, own_tokens(backbone, plan, ablations))
    variant: Variant = "x-strict" if config.parameters == "cross" else "all"
    return DenseStudent(select(backbone.denoiser, variant, backbone.denoiser_name), backbone.device)


def _reader(backbone: Backbone, config: AblationConfig, prompts: Sequence[str]) -> Read:
    """Text states of prompts: made once, unless it is the text encoder that learns."""
    text = backbone.text
    if config.parameters != "embedding":
        texts = Texts(backbone, prompts)
        return lambda asked: texts.conditions[texts.rows(asked)]
    return lambda asked: backbone.condition({text.name: text.encode_all(asked)})


def _train(
    training: Training, total: int, config: AblationConfig, store: MemoryStore, key: str, progress: Progress
) -> None:
    state = store.get(key)
    if state:
        training.descent.resume(state)
    with progress.task("ablation", total, "update") as advance:
        advance(training.descent.step)

        def after(step: int) -> None:
            advance(1, note=f"loss {training.loss or 0.0:.4f}")
            if config.checkpoint_every and step % config.checkpoint_every == 0 and step < total:
                kept = {name: value.detach().to("cpu", copy=True) for name, value in training.descent.tensors().items()}
                store.put(key, kept, {"what": "ablation: training", "source": "all"})

        training.run(total, after)


def _anchors(
    backbone: Backbone,
    ablations: Sequence[Ablation],
    config: AblationConfig,
    store: MemoryStore,
    progress: Progress,
) -> Pictures:
    each = [(one, number) for one in ablations for number in range(config.images)]
    latents = drawn(backbone, ablations, config.images, config, store, progress, "anchor pictures")
    asked = tuple(one.asked(number) for one, number in each)
    return Pictures(latents, asked, tuple(one.anchored(number) for one, number in each))


def _preserved(
    backbone: Backbone, plan: Plan, config: AblationConfig, store: MemoryStore, progress: Progress
) -> Pictures | None:
    """Pictures of the preserve list, in the company that the edits' prompts are."""
    if not plan.preserve or config.preserve == 0:
        return None
    templates = tuple(dict.fromkeys(template for edit in plan.edits for template in edit.prompts))
    named = [Ablation(name, name, templates, derive(plan.seed, "preserved", name)) for name in plan.preserve]
    latents = drawn(backbone, named, config.preserve_images, config, store, progress, "preserved pictures")
    prompts = tuple(one.asked(number) for one in named for number in range(config.preserve_images))
    return Pictures(latents, prompts, prompts)


def _key(backbone: Backbone, plan: Plan, ablations: Sequence[Ablation], config: AblationConfig) -> str:
    """The training's record: a hash over all that it depends on."""
    settings = config.model_dump(mode="json")
    del settings["checkpoint_every"]
    return digest(
        {
            **fingerprints(backbone),
            "ablation": [asdict(one) | {"at": ""} for one in ablations],
            "kept": [list(plan.preserve), list(dict.fromkeys(t for edit in plan.edits for t in edit.prompts))],
            "seed": plan.seed,
            "version": VERSION,
            "settings": settings,
        }
    )
