"""A Studio without a model: its work is instant, or lasts until a test lets it go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from overpaint.errors import PlanError
from overpaint.files import write_text_atomic
from overpaint.plan import Plan
from overpaint.provenance import Provenance
from overpaint.runs import RunFolder
from overpaint.studio.board import Board
from overpaint.studio.jobs import Job, Jobs
from overpaint.studio.room import Room
from overpaint.studio.shelf import Shelf
from overpaint.studio.workbench import DryRun, Layer
from overpaint.studio.worker import Worker

HOSTILE = "<script>document.title='hit'</script>${document.title='hit'}{{7*7}}"
PATIENCE = 60.0


class Patchy:
    """Something that saves itself."""

    def save(self, path: Path) -> None:
        path.write_bytes(b"patch")


class FakeBench:
    """Finishes a concept per step; ``gate`` holds it after the first one until it is set."""

    model = "emoji"
    methods = ("emcid", "uce")

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Event()
        self.done: list[str] = []
        self.drawn: list[tuple[list[str], list[int], list[Layer]]] = []

    def check(self, plan: Plan) -> None:
        if plan.method not in self.methods:
            raise PlanError(f"no method is called {plan.method!r}")

    def dry_run(self, plan: Plan) -> DryRun:
        return DryRun(100 * len(plan.edits), 12.0 * len(plan.edits))

    def carry_out(self, job: Job, folder: Path, board: Board) -> None:
        plan = Plan.parse(job.plan)
        provenance = Provenance(plan.model, "f" * 64, plan.method, {"strength": job.strength}, plan.seed, {})
        with RunFolder.create(folder, plan, provenance) as work:
            with board.task("Stage I", total=len(plan.edits), unit="concept") as advance:
                for edit in plan.edits:
                    if edit.source == "trouble":
                        raise PlanError("trouble: the edit diverged; soften it")
                    if edit.key not in self.done:
                        self.done.append(edit.key)
                    self.reached.set()
                    self.gate.wait(PATIENCE)
                    advance()
            work.save_patch(Patchy())
            work.save_picture(Image.new("RGB", (640, 128), "teal"))
            work.finish(patch="0" * 64)
            write_text_atomic(folder / "report.html", "<!doctype html><title>report</title><h1>The report</h1>")

    def draw(self, prompts: Sequence[str], seeds: Sequence[int], layers: Sequence[Layer]) -> list[Image.Image]:
        self.drawn.append((list(prompts), list(seeds), list(layers)))
        return [Image.new("RGB", (16, 16), (7 * seed % 256, 60 * len(layers), 90)) for seed in seeds]

    def export(self, patch: Path, form: str, to: Path) -> None:
        to.write_bytes(f"{form} of {patch.read_bytes().decode()}".encode())


def room(folder: Path, bench: Any = None) -> Room:
    """A Studio on ``folder``; its worker is not started."""
    jobs, bench = Jobs(folder), bench or FakeBench()
    return Room(bench, Worker(jobs, lambda job, board: bench.carry_out(job, jobs.path(job.name), board)), Shelf(jobs))


def eventually(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    pause, waited = threading.Event(), 0.0
    while not holds():
        pause.wait(0.02)
        waited += 0.02
        assert waited < PATIENCE, "it did not come about"


def plan(*names: str, method: str = "emcid") -> Plan:
    return Plan.parse({"method": method, "edits": [{"erase": name} for name in names]})
