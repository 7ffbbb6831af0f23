"""Pieces of the Studio's page. Names, prompts and messages are text, whatever they look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import count
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from overpaint.errors import OverpaintError, PlanError
from overpaint.plan import Plan
from overpaint.plan.words import asked
from overpaint.report.pictures import framed
from overpaint.studio.board import Bar
from overpaint.studio.workbench import DryRun
from overpaint.studio.worker import Worker

__all__ = ["described", "duration", "filled", "job_list", "message", "problem", "sheet", "stylesheet", "time_of"]

SHOWN = 12
EDITS = 3
# Gradio's own templates are filled on the page, where these begin a placeholder.
_PLACEHOLDERS = str.maketrans({"{": "&#123;", "}": "&#125;", "$": "&#36;", "`": "&#96;"})


def filled(template: str, **values: Any) -> str:
    """A template's HTML, every value escaped."""
    return _environment().get_template(template).render(**values).translate(_PLACEHOLDERS)


def stylesheet() -> str:
    """What belongs to the pieces."""
    return (files("overpaint.studio") / "templates" / "studio.css").read_text(encoding="utf-8")


def message(*lines: str, level: str = "info") -> str:
    """A few lines of plain text; ``level`` is info or error."""
    return filled("message.html.j2", lines=lines, level=level)


def problem(error: OverpaintError) -> str:
    """What is wrong and how to mend it."""
    return message(*str(error).splitlines(), level="error")


def job_list(worker: Worker) -> str:
    """The newest jobs, the running one with its progress, the waiting ones with their place."""
    places = count(1)
    rows = []
    jobs = worker.jobs.listed()
    waiting = {job.name: next(places) for job in jobs if job.state == "queued"}
    for job in jobs[::-1][:SHOWN]:
        board = worker.board(job.name)
        row = {
            "name": job.name,
            "state": job.state,
            "place": waiting.get(job.name, 0),
            "asked": described(job.plan),
            "bars": [] if board is None else [_bar(bar) for bar in board.bars()],
            "stopping": board is not None and board.stopping,
            "error": job.error.splitlines(),
        }
        rows.append(row)
    return filled("jobs.html.j2", jobs=rows)


def described(plan: Mapping[str, Any]) -> str:
    """The first edits of a plan in words, and its method."""
    edits = plan.get("edits") or []
    try:
        parsed = Plan.parse({**plan, "edits": edits[:EDITS]}, check_images=False)
    except (PlanError, TypeError):
        return "a plan that this version cannot read"
    words = [asked(edit) for edit in parsed.edits]
    more = len(edits) - len(words)
    return "; ".join(words) + (f"; and {more:,} more" if more else "") + f", by {parsed.method}"


def time_of(found: DryRun) -> str:
    """What a dry run found, in a sentence."""
    if not found.evaluations:
        return "It needs no evaluation of the denoiser; drawing before and after is most of it."
    count = f"At most {found.evaluations:,} evaluations of the denoiser"
    return f"{count}, about {duration(found.seconds)} of them here; drawing before and after comes on top."


def duration(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def sheet(prompts: Sequence[str], seeds: Sequence[int], drawn: Mapping[str, Sequence[Image.Image]]) -> str:
    """A table: for every prompt a row for each of ``drawn``, and a column for each seed.

    Arguments:
        drawn: by name of who drew them, pictures for all prompts and seeds, the seeds of a prompt side by side.
    """
    rows = []
    for number, prompt in enumerate(prompts):
        part = slice(number * len(seeds), (number + 1) * len(seeds))
        for place, (name, images) in enumerate(drawn.items()):
            pictures = [framed(image) for image in images[part]]
            row = {"prompt": prompt, "name": name, "pictures": pictures, "first": place == 0, "span": len(drawn)}
            rows.append(row)
    return filled("sheet.html.j2", rows=rows, seeds=list(seeds))


def _bar(bar: Bar) -> dict[str, Any]:
    left = None if bar.left is None else duration(bar.left)
    return {"name": bar.name, "total": bar.total, "done": f"{bar.done:.4g}", "unit": bar.unit, "left": left}


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("overpaint.studio"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
