"""What ReFACT takes."""

from __future__ import annotations

from overpaint.backbone.backbone import Backbone
from overpaint.methods.emcid.work import matrices
from overpaint.methods.refact.config import RefactConfig
from overpaint.methods.refact.fit import concepts_of
from overpaint.methods.work import SINGLE, Work
from overpaint.plan import Plan

__all__ = ["work_of"]


def work_of(backbone: Backbone, plan: Plan, config: RefactConfig) -> Work:
    """One matrix; the denoiser is not asked. Raises PlanError as `overpaint.methods.refact.fit.fit` does."""
    concepts = concepts_of(backbone.text, plan, config)
    parameters, memory, disk = matrices([(backbone.text, [config.block])], len(concepts))
    return Work(parameters=parameters, memory=memory, disk=disk + len(concepts) * SINGLE * backbone.text.width)
