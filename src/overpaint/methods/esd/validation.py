"""How much of every concept is left, on other noise than training's; when that is little enough, stop.

A method never sees a grader, so what is measured by default is taken from predictions alone. Whoever has one, or a
validation split of his own, hands in a `Validator`, which is called while the pipeline draws as the student does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from overpaint.backbone.backbone import Backbone
from overpaint.methods.esd.config import EsdConfig
from overpaint.methods.esd.erasures import Erasure, Texts
from overpaint.methods.esd.objective import way_left
from overpaint.methods.esd.rows import erasing
from overpaint.methods.esd.student import Student
from overpaint.methods.esd.trajectories import predictions

__all__ = ["HALVINGS", "Validator", "WayLeft", "gone", "least_strength"]

HALVINGS = 6


class Validator(Protocol):
    """Looks at a model that is being edited."""

    def __call__(self, backbone: Backbone, erasures: Sequence[Erasure]) -> Sequence[float]:
        """How much is left of each concept, in any measure that falls: P(source), say."""
        ...


class WayLeft:
    """The share of the way to the target that the student has still to go, a mean over steps and prompts."""

    def __init__(self, backbone: Backbone, texts: Texts, erasures: Sequence[Erasure], config: EsdConfig) -> None:
        """Made while the original weights are in place."""
        self._rows, _ = erasing(
            backbone,
            texts,
            erasures,
            config,
            [config.validate_trajectories] * len(erasures),
            "validation",
            checked=True,
        )
        self._given = texts.conditions[self._rows.prompt]
        self._start = predictions(backbone, self._rows.x, self._rows.t, self._given)

    def __call__(self, backbone: Backbone, erasures: Sequence[Erasure]) -> list[float]:
        """See `Validator`; the erasures are those that it was made for."""
        made = predictions(backbone, self._rows.x, self._rows.t, self._given)
        left = way_left(made, self._start, self._rows.wanted)
        return [float(left[self._rows.concept == number].mean()) for number in range(len(erasures))]


def gone(left: Sequence[float], goals: Sequence[float]) -> bool:
    """Whether no more is left of any concept than its goal."""
    return all(rest <= goal for rest, goal in zip(left, goals, strict=True))


def least_strength(
    student: Student, validate: Validator, backbone: Backbone, erasures: Sequence[Erasure], goals: Sequence[float]
) -> tuple[float, list[float]]:
    """The smallest strength of the change, found by bisection, at which all concepts are `gone`; 1 if there is none.

    Beside it what is left there of each concept. That is taken to fall with the strength.
    """

    def left(strength: float) -> list[float]:
        with torch.no_grad(), student.acting(strength):
            return list(validate(backbone, erasures))

    low, high = 0.0, 1.0
    rest = left(high)
    if not gone(rest, goals):
        return high, rest
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if gone(there := left(middle), goals):
            high, rest = middle, there
        else:
            low = middle
    return high, rest
