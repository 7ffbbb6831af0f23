"""More machines than one: Stage I and pictures on a Ray cluster (``pip install 'overpaint[scale]'``)."""

from __future__ import annotations

from overpaint.scale.drawing import images_on_ray
from overpaint.scale.learning import learn_on_ray

__all__ = ["images_on_ray", "learn_on_ray"]
