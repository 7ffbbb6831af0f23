"""What a search for shares draws, before it begins."""

from __future__ import annotations

from dataclasses import replace

from overpaint.backbone.backbone import Backbone
from overpaint.bench.drawing import Drawing
from overpaint.methods import Counter, configure, method_of, settled
from overpaint.methods.work import Work
from overpaint.plan import Plan

__all__ = ["counting_work"]


def counting_work(backbone: Backbone, plan: Plan, counter: Counter | None, drawing: Drawing) -> Work:
    """Of all debiased sources together, at most; nothing where nobody counts or the method does not ask.

    Nothing of it is kept on disk. Raises PlanError as `overpaint.methods.configure`.
    """
    method = method_of(settled(plan, backbone))
    if counter is None or method.debias is None:
        return Work()
    counted = method.counted(configure(plan, backbone))
    sources = sum(edit.over is not None for edit in plan.edits)
    return replace(drawing.work(backbone, sources * counted), disk=0)
