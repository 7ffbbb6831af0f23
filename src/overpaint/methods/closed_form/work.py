"""What a closed-form edit takes."""

from __future__ import annotations

from overpaint.backbone.backbone import Backbone
from overpaint.methods.closed_form.aims import aims_of
from overpaint.methods.closed_form.config import EditedConfig, OceConfig, SpeedConfig
from overpaint.methods.closed_form.text_map import read_by
from overpaint.methods.work import DOUBLE, SINGLE, Work, elements
from overpaint.plan import Plan

__all__ = ["work_of"]

SYSTEMS = 5
"""Square matrices of the states' width in memory during a solve: both sides, a factor, a basis and the answer."""


def work_of(backbone: Backbone, plan: Plan, config: EditedConfig) -> Work:
    """No pictures, no evaluations: one system for all layers that read the same (OCE, SPEED: one for each layer).

    Raises PlanError as `overpaint.methods.closed_form.uce.fit` does.
    """
    parameters = memory = disk = 0
    alone = isinstance(config, SpeedConfig) and not config.shared
    for reading, layers in read_by(backbone, plan, config.matrices):
        width = reading.readers[0].width
        parameters += elements(layer.weight for layer in layers.values())
        memory = max(memory, SYSTEMS * width * width * DOUBLE)
        prompts = sum(len(aim.templates) for reader in reading.readers for aim in aims_of(reader, plan, config))
        pairs = prompts if config.tokens == "last" else prompts * reading.readers[0].window
        if isinstance(config, OceConfig):  # a rotation moves what stays a little, too
            disk += SINGLE * elements(layer.weight for layer in layers.values())
            continue
        # factors where they are smaller than the map
        disk += SINGLE * min(2 * pairs * width, width * width) * (len(layers) if alone else 1)
    return Work(parameters=parameters, memory=memory, disk=disk)
