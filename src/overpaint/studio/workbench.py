"""The Studio's model: what jobs are done with, and what draws the pictures that people try."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from PIL import Image

from overpaint.plan import Plan
from overpaint.studio.board import Bar, Board, Stopped
from overpaint.studio.jobs import Job

if TYPE_CHECKING:
    from overpaint.backbone.stable_diffusion import StableDiffusion

__all__ = ["Bench", "DryRun", "Form", "Layer", "Workbench"]

Form = Literal["lora", "checkpoint"]
"""What a patch is written as for others."""

LONGEST_DRY_RUN = 20.0
"""Seconds."""
STEPS = 20


@dataclass(frozen=True)
class Layer:
    """A patch or guard that pictures are drawn with: its file, and how much of it."""

    path: Path
    strength: float = 1.0


@dataclass(frozen=True)
class DryRun:
    """What a short trial of a job found out.

    Attributes:
        stage: the task that takes longest, empty if the fit was over before anything could be told.
        seconds: of the whole fit if ``finished``, else what that task will take; None if it had not begun to advance.
        finished: whether the trial was the whole fit.
    """

    stage: str
    seconds: float | None
    finished: bool


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
        """Try the plan for a short time."""
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

    def __init__(self, backbone: StableDiffusion, model: str) -> None:
        from overpaint.methods import METHODS

        self.model = model
        self.methods = [name for name, method in METHODS.items() if backbone.family in method.families]
        self._backbone = backbone

    def check(self, plan: Plan) -> None:
        """Raises PlanError, one line per problem, if the plan does not fit the model or the method."""
        from overpaint.methods import configure

        configure(plan, self._backbone)

    def dry_run(self, plan: Plan, limit: float = LONGEST_DRY_RUN) -> DryRun:
        """Begin to fit, and stop once the pace can be told or at ``limit`` (seconds). Nothing is kept.

        Raises:
            OverpaintError: the plan does not fit.
        """
        from overpaint.methods import fit

        board, began = _Pace(limit), time.monotonic()
        try:
            fit(self._backbone, plan, progress=board)
        except Stopped:
            bar = max(board.bars(), key=lambda bar: bar.left or 0.0, default=None)
            if bar is None:
                return DryRun("", None, finished=False)
            taken = None if bar.left is None else time.monotonic() - bar.began + bar.left
            return DryRun(bar.name, taken, finished=False)
        return DryRun("", time.monotonic() - began, finished=True)

    def carry_out(self, job: Job, folder: Path, board: Board) -> None:
        """Do a job, or go on with it: fit, draw before and after, write the report.

        Raises:
            OverpaintError: it does not fit.
            Stopped: the board said so; the folder keeps what is done.
        """
        from overpaint.cli.running import carry_out, provenance_of, wanted
        from overpaint.runs import RunFolder

        plan = Plan.parse(job.plan, check_images=False)
        provenance = provenance_of(plan, self._backbone, strength=job.strength)
        with RunFolder.create(folder, plan, provenance) as work:
            carry_out(work, self._backbone, plan, board, evaluate=wanted(None, self._backbone), strength=job.strength)

    def draw(self, prompts: Sequence[str], seeds: Sequence[int], layers: Sequence[Layer] = ()) -> list[Image.Image]:
        """A picture for each prompt and its seed, with patches and guards applied one on the other.

        Raises:
            PatchError: one is damaged or was made for another model, or a guard is to be scaled.
        """
        from overpaint.guards import load_change

        with ExitStack() as stack:
            for layer in layers:
                change = load_change(layer.path)
                scaled = change if layer.strength == 1 else change.scale(layer.strength)
                stack.enter_context(scaled.applied_to(self._backbone.pipe))
            return self._backbone.images(list(prompts), list(seeds), STEPS)

    def export(self, patch: Path, form: Form, to: Path) -> None:
        """Write the patch in a file as a LoRA (diffusers' names), or its model with it as one checkpoint.

        Raises:
            OverpaintError: it is a guard, is for another model, or cannot be written in this form.
        """
        from overpaint.cli.patches import read_patch
        from overpaint.formats.checkpoint import write_checkpoint
        from overpaint.formats.lora import adapter_of
        from overpaint.formats.lora_file import write_lora

        pipe, found = self._backbone.pipe, read_patch(patch)
        told = {"overpaint.patch": found.hash}
        if form == "lora":
            write_lora(adapter_of(found, pipe), pipe, to, metadata=told)
            return
        with found.applied_to(pipe):
            write_checkpoint(pipe, to, told)


class _Pace(Board):
    """Stops the work as soon as its outermost task has run long enough to tell how long it will take."""

    def check(self) -> None:
        """Raises Stopped once the pace is known, or at the limit."""
        first: Bar | None = next(iter(self.bars()), None)
        enough = (self.seconds or 0.0) / 4
        if first is not None and first.done and time.monotonic() - first.began > enough:
            self.stop()
        super().check()
