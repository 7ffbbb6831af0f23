"""``overpaint studio``: the same in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overpaint.cli.console import err, out, say
from overpaint.cli.options import MODELS, Device, DryRun
from overpaint.errors import OverpaintError, PlanError

if TYPE_CHECKING:
    from rich.table import Table

    from overpaint.backbone.backbone import Backbone
    from overpaint.studio.jobs import Job

__all__ = ["studio"]


def studio(
    model: Annotated[str, typer.Option("--model", "-m", help=MODELS)] = "emoji",
    runs: Annotated[Path, typer.Option("--runs", help="The folder of runs: jobs are kept there.")] = Path("runs"),
    host: Annotated[
        str, typer.Option("--host", help="Where to listen. Others than loopback let everyone there edit and look.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 7860,
    device: Device = None,
    dry_run: DryRun = False,
) -> None:
    """Edit, try and compare in a browser. Jobs outlive the browser, and a restart goes on with them."""
    try:
        from overpaint.studio.server import LOOPBACK, listen, serve
    except ModuleNotFoundError as error:
        raise OverpaintError(f"{error.name} is not installed; pip install 'overpaint[studio]'") from error

    from overpaint.cli.models import open_backbone
    from overpaint.runs.lock import FolderLock
    from overpaint.studio.jobs import Jobs
    from overpaint.studio.room import Room
    from overpaint.studio.shelf import Shelf
    from overpaint.studio.workbench import Workbench
    from overpaint.studio.worker import Worker

    if dry_run:
        listen(host, port).close()
        waiting = [job for job in Jobs(runs).listed() if job.unfinished] if runs.is_dir() else []
        out().print(_costs(waiting, open_backbone(model, device)))
        return
    jobs = Jobs(runs)
    lock = FolderLock(runs)  # two Studios would both work on the same jobs
    try:
        opened = listen(host, port)
        bench = Workbench(open_backbone(model, device), model)
        room = Room(
            bench, Worker(jobs, lambda job, board: bench.carry_out(job, jobs.path(job.name), board)), Shelf(jobs)
        )
        if host not in LOOPBACK:
            say("anyone who reaches this address can edit and look; there is no password", "yellow", err())
        shown = f"[{host}]" if ":" in host else host
        say(f"Overpaint Studio: http://{shown}:{opened.getsockname()[1]}  (Ctrl-C ends it; jobs go on next time)")
        serve(room, opened, host)
    finally:
        lock.release()


def _costs(waiting: list[Job], backbone: Backbone) -> Table:
    """What the jobs take that wait from last time: work begins with them. One that does not fit will fail."""
    from overpaint.cli.dry_run import costs, work_with_look
    from overpaint.cli.running import wanted
    from overpaint.methods.work import Work
    from overpaint.plan import Plan

    work = Work()
    for job in waiting:
        try:
            work = work.then(work_with_look(Plan.parse(job.plan, check_images=False), backbone, wanted(None, backbone)))
        except PlanError as error:
            say(f"{job.name}: {error.problems[0]}", "yellow", err())
    return costs("the Studio", work, backbone, more={"jobs that wait": f"{len(waiting):,}"})
