"""Editing methods: plan and model in, patch (or guard) out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from overpaint.backbone.loading import backbone_of
from overpaint.guards import Guard
from overpaint.methods.checks import lone_categories
from overpaint.methods.debiasing import Counter, Remembered
from overpaint.methods.method import Method
from overpaint.methods.registry import (
    AUTO,
    FEW,
    METHODS,
    check,
    configure,
    method_of,
    precision_of,
    resolve,
    settled,
    unheeded,
    work_of,
)
from overpaint.methods.store import MemoryStore, TransientStore
from overpaint.methods.words import widened
from overpaint.patch import Patch
from overpaint.plan import Plan
from overpaint.progress import Progress, Silent

if TYPE_CHECKING:
    from overpaint.methods.esd.validation import Validator

__all__ = [
    "AUTO",
    "FEW",
    "METHODS",
    "Counter",
    "MemoryStore",
    "Method",
    "TransientStore",
    "check",
    "configure",
    "fit",
    "method_of",
    "precision_of",
    "resolve",
    "settled",
    "unheeded",
    "work_of",
]

_log = logging.getLogger(__name__)


def fit(
    model: Any,
    plan: Plan,
    *,
    store: MemoryStore | None = None,
    captions: Sequence[str] | None = None,
    progress: Progress | None = None,
    counter: Counter | None = None,
    validator: Validator | None = None,
) -> Patch | Guard:
    """Carry out a plan on a model and return the patch; the model itself is left as it is.

    The log warns of names to preserve that the method does nothing for, and of categories without members.

    A method that acts while pictures are drawn gives a guard, which is applied, saved and loaded as a patch is.

    Args:
        model: a diffusers pipeline or its backbone.
        plan: what to change, by which method. Where it asks for other words, those that are found stand in the patch's
            provenance, in the plan that was carried out.
        store: where memories and second moments are kept and looked for; None: only while this runs.
        captions: texts whose second moments the edit keeps; the bundled model brings its own.
        progress: whom to tell how far it is.
        counter: draws and counts what a patch does to debiased concepts. With one, a method that can corrects its
            factors until the wanted shares come out, and keeps the counts in ``store``; without, shares are as wanted
            in what the method mixes, which need not be what is drawn.
        validator: says while a method trains how much is left of each concept, for ``settings.until`` of ESD.

    Raises:
        OverpaintError: the plan does not fit the method or the model; before any work starts.
    """
    backbone = backbone_of(model)
    plan = settled(plan, backbone)
    config = configure(plan, backbone)
    method, store, progress = method_of(plan), store or TransientStore(), progress or Silent()
    for warning in (unheeded(backbone, plan), *lone_categories(plan)):
        if warning:
            _log.warning("%s", warning)
    if plan.other_words:
        plan = widened(backbone, plan, captions, store, progress)
    if validator is not None and method.validated is not None:
        return method.validated(
            backbone, plan, config, store=store, progress=progress, captions=captions, validator=validator
        )
    if counter is None or method.debias is None or all(edit.over is None for edit in plan.edits):
        return method.fit(backbone, plan, config, store=store, progress=progress, captions=captions)
    found = method.debias(
        backbone, plan, config, Remembered(counter, store), store=store, progress=progress, captions=captions
    )
    counted = {"shares": found.shares, "deviation": found.error, "rounds": found.rounds, "pictures": found.pictures}
    return Patch(found.patch.deltas, found.patch.base, {**found.patch.provenance, "debias": counted})
