"""Editing methods: plan and model in, patch (or guard) out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from overpaint.backbone.loading import backbone_of
from overpaint.guards import Guard
from overpaint.methods.emcid.memory import MemoryStore, TransientStore
from overpaint.methods.method import Method
from overpaint.methods.registry import METHODS, configure, method_of, resolve
from overpaint.patch import Patch
from overpaint.plan import Plan
from overpaint.progress import Progress, Silent

__all__ = ["METHODS", "MemoryStore", "Method", "TransientStore", "configure", "fit", "method_of", "resolve"]


def fit(
    model: Any,
    plan: Plan,
    *,
    store: MemoryStore | None = None,
    captions: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Patch | Guard:
    """Carry out a plan on a model and return the patch; the model itself is left as it is.

    A method that acts while pictures are drawn gives a guard, which is applied, saved and loaded as a patch is.

    Args:
        model: a diffusers pipeline or its backbone.
        plan: what to change, by which method.
        store: where memories and second moments are kept and looked for; None: only while this runs.
        captions: texts whose second moments the edit keeps; the bundled model brings its own.
        progress: whom to tell how far it is.

    Raises:
        OverpaintError: the plan does not fit the method or the model; before any work starts.
    """
    backbone = backbone_of(model)
    config = configure(plan, backbone)
    return method_of(plan).fit(
        backbone, plan, config, store=store or TransientStore(), progress=progress or Silent(), captions=captions
    )
