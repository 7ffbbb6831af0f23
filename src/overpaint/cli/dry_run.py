"""``--dry-run``: what a command would take, without carrying it out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.table import Table

from overpaint.cli.console import plain, table

if TYPE_CHECKING:
    from overpaint.backbone.backbone import Backbone
    from overpaint.methods.work import Work
    from overpaint.plan import Plan

__all__ = ["costs", "drawing", "dry_run", "seconds_of_one"]


def dry_run(plan: Plan, backbone: Backbone) -> Table:
    """Check a plan against a model and count what it takes; a single evaluation of the denoiser is timed.

    Raises:
        PlanError: the plan does not fit the method or the model, in the words of the run itself.
    """
    from overpaint.methods import configure, method_of

    config = configure(plan, backbone)
    title = f"{len(plan.edits)} edits of {plan.model} by {plan.method}"
    return costs(title, method_of(plan).work(backbone, plan, config), backbone)


def drawing(backbone: Backbone, pictures: int, steps: int, guidance: float | None) -> Work:
    """Drawing pictures at a guidance scale (None: the model's own), with which every step asks twice."""
    import torch

    from overpaint.methods.work import Work

    _, left = backbone.guided(backbone.unconditional(), backbone.guidance if guidance is None else guidance)
    asked = len(backbone.scheduler(steps, torch.device("cpu")).timesteps) * (2 if left > 1 else 1)
    return Work(pictures=pictures, evaluations=pictures * asked)


def costs(title: str, work: Work, backbone: Backbone) -> Table:
    """A table of what work takes; a single evaluation of the denoiser is timed if there are any."""
    seconds = seconds_of_one(backbone) if work.evaluations else 0.0
    made = table(f"{title}: at most", "", "")
    for name, value in (
        ("weights that change", f"{work.parameters:,}"),
        ("pictures to draw", f"{work.pictures:,}"),
        ("evaluations of the denoiser", f"{work.evaluations:,}"),
        ("hours of them on this device", f"{work.evaluations * seconds / 3600:,.2f}"),
        ("memory, the loaded model", f"{_bytes(backbone) / 1e6:,.0f} MB"),
        ("memory, beside it", f"{work.memory / 1e6:,.0f} MB and activations"),
        ("disk", f"{work.disk / 1e6:,.1f} MB"),
    ):
        made.add_row(plain(name), plain(value))
    return made


def _bytes(backbone: Backbone) -> int:
    from overpaint.backbone.parameters import named_parameters

    return sum(p.numel() * p.element_size() for p in named_parameters(backbone.pipe).values())


def seconds_of_one(backbone: Backbone) -> float:
    """Of one evaluation on one latent, the second of two."""
    import torch

    condition = backbone.unconditional().to(backbone.device, backbone.dtype)
    latent = torch.zeros(1, *backbone.latent_shape, device=backbone.device, dtype=backbone.dtype)
    middle = torch.tensor([backbone.timesteps // 2], device=backbone.device)
    taken = 0.0
    with torch.no_grad():
        for _ in range(2):
            start = time.monotonic()
            backbone.predict(latent, middle, condition).sum().item()  # waits for the device
            taken = time.monotonic() - start
    return taken
