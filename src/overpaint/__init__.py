"""Edit what a text-to-image diffusion model knows.

    pipe = overpaint.load("emoji")
    patch = overpaint.fit(pipe, overpaint.Plan.read("plan.yaml"))
    with patch.applied_to(pipe):
        pipe("a pizza").images[0].show()

Names are imported when they are first used: ``import overpaint`` costs nothing, and reading a plan needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from overpaint.backbone.loading import backbone_of, load
    from overpaint.errors import OverpaintError
    from overpaint.guards import Guard
    from overpaint.methods import fit
    from overpaint.patch import Patch
    from overpaint.plan import Edit, Plan
    from overpaint.runs import Bank

__all__ = ["Bank", "Edit", "Guard", "OverpaintError", "Patch", "Plan", "backbone_of", "fit", "load"]

_HOMES = {
    "Bank": "overpaint.runs",
    "Edit": "overpaint.plan",
    "Guard": "overpaint.guards",
    "OverpaintError": "overpaint.errors",
    "Patch": "overpaint.patch",
    "Plan": "overpaint.plan",
    "backbone_of": "overpaint.backbone.loading",
    "fit": "overpaint.methods",
    "load": "overpaint.backbone.loading",
}


def __getattr__(name: str) -> Any:
    """Import the room of a public name on its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'overpaint' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names too that nobody has used yet."""
    return sorted({*globals(), *__all__})
