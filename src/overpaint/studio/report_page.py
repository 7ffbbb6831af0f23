"""Report: runs to look at, to compare and to take along."""

from __future__ import annotations

from typing import Any

import gradio as gr

from overpaint.errors import OverpaintError
from overpaint.runs.record import PAGE, PATCH
from overpaint.studio import html
from overpaint.studio.choices import refreshed
from overpaint.studio.room import Room
from overpaint.studio.shelf import address
from overpaint.studio.workbench import Form

__all__ = ["exported", "opened", "report_page"]


def report_page(room: Room, tab: Any) -> None:
    """Build the page inside the open ``tab``."""
    runs = gr.Dropdown(room.reports(), multiselect=True, label="Runs: one to open, several to compare")
    with gr.Row():
        show = gr.Button("Open", variant="primary", min_width=100)
        lora = gr.Button("Make its LoRA", min_width=100)
        checkpoint = gr.Button("Make its checkpoint", min_width=100)
    page = gr.HTML(elem_id="report")

    def fresh(chosen: list[str] | None) -> Any:
        return refreshed(room.reports(), chosen)

    tab.select(fresh, runs, runs, api_visibility="private", show_progress="hidden")
    private: dict[str, Any] = {"api_visibility": "private"}
    show.click(lambda chosen: opened(room, chosen or []), runs, page, **private)
    lora.click(lambda chosen: exported(room, chosen or [], "lora"), runs, page, concurrency_limit=1, **private)
    checkpoint.click(
        lambda chosen: exported(room, chosen or [], "checkpoint"), runs, page, concurrency_limit=1, **private
    )


def exported(room: Room, names: list[str], form: Form) -> str:
    """Write a run's patch as others read it, beside it, and open the run."""
    try:
        if len(names) != 1:
            return html.message("Choose one run.", level="error")
        folder = room.worker.jobs.path(names[0])
        with room.worker.device():
            room.bench.export(folder / PATCH, form, folder / f"{form}.safetensors")
    except OverpaintError as error:
        return html.problem(error)
    return opened(room, names)


def opened(room: Room, names: list[str]) -> str:
    """A run's files and its report, or the comparison of several."""
    try:
        if not names:
            return html.message("Choose a run.", level="error")
        if len(names) > 1:
            title = f"Comparison of {', '.join(names)}"
            return html.filled("downloads.html.j2", files=[], page=room.shelf.compare(names), title=title)
        (name,) = names
        files = list(room.shelf.entries(name))
        report = room.worker.jobs.path(name) / PAGE
        page = address(name, report) if report.is_file() else None
        return html.filled("downloads.html.j2", files=files, page=page, title=f"Report card of {name}")
    except OverpaintError as error:
        return html.problem(error)
