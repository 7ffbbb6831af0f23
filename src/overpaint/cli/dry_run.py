"""``--dry-run``: what a command would take, without carrying it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.table import Table

from overpaint.cli.console import plain, table

if TYPE_CHECKING:
    from overpaint.backbone.backbone import Backbone
    from overpaint.methods.work import Work
    from overpaint.plan import Plan

__all__ = ["costs", "dry_run", "work_with_look"]


def dry_run(plan: Plan, backbone: Backbone, look: bool, grader: str | None = None) -> Table:
    """A table of what a plan takes. Raises as `work_with_look`."""
    title = f"{len(plan.edits)} edits of {plan.model} by {plan.method}"
    from overpaint.methods import precision_of
    from overpaint.methods.pace import seconds_of

    work = work_with_look(plan, backbone, look, grader)
    return costs(title, work, backbone, seconds_of(backbone, work, precision_of(backbone, plan)))


def work_with_look(plan: Plan, backbone: Backbone, look: bool, grader: str | None = None) -> Work:
    """Check a plan against a model and count what it takes, with the look before and after if it is wanted.

    Pictures that a search for shares counts are in it, as many as there can be.

    Raises:
        PlanError: the plan does not fit the method or the model, in the words of the run itself.
        OverpaintError: as `share_counter` and `validator_for`.
    """
    from overpaint.bench.counting import counting_work
    from overpaint.bench.drawing import Drawing
    from overpaint.cli.looking import looked
    from overpaint.cli.models import share_counter, validator_for
    from overpaint.methods import work_of

    work = work_of(backbone, plan)
    validator_for(backbone, plan, grader=grader)
    work = work.then(counting_work(backbone, plan, share_counter(backbone, plan, grader=grader), Drawing()))
    if look:
        work = work.then(Drawing().work(backbone, looked(plan, backbone)))
    return work


def costs(
    title: str,
    work: Work,
    backbone: Backbone | None = None,
    seconds: float | None = None,
    more: Mapping[str, str] | None = None,
) -> Table:
    """A table of what work takes.

    Arguments:
        backbone: the model that is loaded for it; None: none is.
        seconds: that it takes; None: those of its evaluations of the denoiser, timed here.
        more: what else there is to say, by name.
    """
    if seconds is None:
        from overpaint.methods.pace import seconds_of

        seconds = 0.0 if backbone is None else seconds_of(backbone, work)
    held = 0 if backbone is None else _bytes(backbone)
    made = table(f"{title}: at most", "", "")
    for name, value in (
        *(more or {}).items(),
        ("weights that change", f"{work.parameters:,}"),
        ("pictures to draw", f"{work.pictures:,}"),
        ("evaluations of the denoiser", f"{work.evaluations:,}"),
        ("hours on this device, at the pace measured", f"{seconds / 3600:,.2f}"),
        ("memory, the loaded model", f"{held / 1e6:,.0f} MB"),
        ("memory, beside it", f"{work.memory / 1e6:,.0f} MB and activations"),
        ("disk", f"{work.disk / 1e6:,.1f} MB"),
    ):
        made.add_row(plain(name), plain(value))
    return made


def _bytes(backbone: Backbone) -> int:
    from overpaint.backbone.parameters import named_parameters

    return sum(p.numel() * p.element_size() for p in named_parameters(backbone.pipe).values())
