"""What gated edits take."""

from __future__ import annotations

from overpaint.backbone.backbone import Backbone
from overpaint.methods.gates.config import GatesConfig
from overpaint.methods.gates.fit import UNITS, tasks_of
from overpaint.methods.gates.pairs import most_gates
from overpaint.methods.gates.said import MOST
from overpaint.methods.work import DOUBLE, SINGLE, Work
from overpaint.plan import Plan

__all__ = ["work_of"]

MATRICES = 4
"""A second moment, its inverse, and one of them in the making, where units in use are given up."""


def work_of(backbone: Backbone, plan: Plan, config: GatesConfig) -> Work:
    """Two matrices and a bias of one block in each encoder; the denoiser is not asked. PlanError as `fit`.

    Where units in use are given up, the second matrix changes as a whole, and its moment and a factor are kept.
    What is read of captions is kept as well.
    """
    count = most_gates(tasks_of(backbone, plan, config))
    parameters = memory = disk = 0
    for text in backbone.text_encoders:
        width, key_width = text.width, text.key_width
        parameters += (2 * width + 1) * key_width
        memory = max(memory, MATRICES * DOUBLE * key_width * key_width)
        disk += SINGLE * (min(UNITS * count * (width + key_width), width * key_width) + key_width + width * key_width)
        disk += 2 * DOUBLE * key_width * (key_width + 1) // 2 + SINGLE * 3 * MOST * width
    return Work(parameters=parameters, memory=memory, disk=disk)
