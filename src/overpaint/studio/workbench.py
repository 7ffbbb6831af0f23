"""The Studio's model: what jobs are done with, and what draws the pictures that people try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from PIL import Image

from overpaint.plan import Plan
from overpaint.studio.board import Board
from overpaint.studio.jobs import Job

if TYPE_CHECKING:
    from overpaint.backbone.backbone import Backbone

__all__ = ["Bench", "DryRun", "Form", "Layer", "Workbench"]

Form = Literal["lora", "checkpoint"]
"""What a patch is written as for others."""

STEPS = 20


@dataclass(frozen=True)
class Layer:
    """A patch or guard that pictures are drawn with: its file, and how much of it."""

    path: Path
    strength: float = 1.0


@dataclass(frozen=True)
class DryRun:
    """What a plan takes at most.

    Attributes:
        evaluations: of the denoiser, those for pictures that it learns from or counts included.
        seconds: for these, by the pace of a single one.
    """

    evaluations: int
    seconds: float


class Bench(Protocol):
    """What the pages need of a model, so that they can be tested without one."""

    @property
    def model(self) -> str:
        """Its name, as plans say it."""
        ...

    @property
    def methods(self) -> Sequence[str]:
        """Names of the methods that work on it, the default first."""
        ...

    def check(self, plan: Plan) -> None:
        """Raises PlanError if the plan does not fit the model or the method."""
        ...

    def dry_run(self, plan: Plan) -> DryRun:
        """What the plan would take."""
        ...

    def carry_out(self, job: Job, folder: Path, board: Board) -> None:
        """Do a job."""
        ...

    def draw(self, prompts: Sequence[str], seeds: Sequence[int], layers: Sequence[Layer]) -> list[Image.Image]:
        """A picture for each prompt and seed."""
        ...

    def export(self, patch: Path, form: Form, to: Path) -> None:
        """Write a patch as others read it."""
        ...


class Workbench:
    """A model that is open.

    Attributes:
        model: its name, as plans say it.
        methods: names of those that work on it.
    """

    def __init__(self, backbone: Backbone, model: str) -> None:
        from overpaint.methods import METHODS

        self.model = model
        self.methods = [name for name, method in METHODS.items() if backbone.family in method.families]
        self._backbone = backbone

    def check(self, plan: Plan) -> None:
        """Raises PlanError, one line per problem, if the plan does not fit the model or the method."""
        from overpaint.methods import configure

        configure(plan, self._backbone)

    def dry_run(self, plan: Plan) -> DryRun:
        """Count the work, and time a single evaluation.

        Raises:
            PlanError: the plan does not fit.
        """
        from overpaint.cli.dry_run import work_with_look
        from overpaint.methods import precision_of
        from overpaint.methods.pace import seconds_of

        work = work_with_look(plan, self._backbone, look=False)
        return DryRun(work.evaluations, seconds_of(self._backbone, work, precision_of(self._backbone, plan)))

    def carry_out(self, job: Job, folder: Path, board: Board) -> None:
        """Do a job, or go on with it: fit, draw before and after, write the report.

        Raises:
            OverpaintError: it does not fit.
            Stopped: the board said so; the folder keeps what is done.
        """
        from overpaint.cli.running import carry_out, provenance_of, wanted
        from overpaint.methods import settled
        from overpaint.runs import RunFolder

        plan = settled(Plan.parse(job.plan, check_images=False), self._backbone)
        provenance = provenance_of(plan, self._backbone, strength=job.strength)
        with RunFolder.create(folder, plan, provenance) as work:
            carry_out(work, self._backbone, plan, board, evaluate=wanted(None, self._backbone), strength=job.strength)

    def draw(self, prompts: Sequence[str], seeds: Sequence[int], layers: Sequence[Layer] = ()) -> list[Image.Image]:
        """A picture for each prompt and its seed, with patches and guards applied one on the other.

        Raises:
            PatchError: one is damaged or was made for another model, or a guard is to be scaled.
        """
        from overpaint.cli.patches import applied
        from overpaint.guards import load_change, scaled

        changes = [scaled(load_change(layer.path), layer.strength) for layer in layers]
        with applied(self._backbone.pipe, changes):
            return self._backbone.images(list(prompts), list(seeds), STEPS)

    def export(self, patch: Path, form: Form, to: Path) -> None:
        """Write the patch in a file as a LoRA (diffusers' names), or its model with it as one checkpoint.

        The files are those of ``overpaint patch export`` and ``patch apply``; the model that is open stays as it is.

        Raises:
            OverpaintError: it is a guard, is for another model, or cannot be written in this form.
        """
        from overpaint.cli.exporting import export_checkpoint, export_lora
        from overpaint.cli.patches import read_patch
        from overpaint.formats.lora import adapter_of

        pipe, found = self._backbone.pipe, read_patch(patch)
        if form == "lora":
            export_lora(found, adapter_of(found, pipe), pipe, to)
        else:
            export_checkpoint(found, pipe, to)
