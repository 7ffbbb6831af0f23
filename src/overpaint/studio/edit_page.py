"""Edit: from a few words to a job, and from a job to pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from overpaint.errors import OverpaintError
from overpaint.plan import DEFAULT_KIND, KINDS, Plan
from overpaint.plan.words import asked
from overpaint.studio import html
from overpaint.studio.inputs import ACTIONS, ENDINGS, typed_plan, uploaded_plan
from overpaint.studio.looks import look
from overpaint.studio.room import Room

__all__ = ["cancelled", "checked", "edit_page", "looked", "plan_of", "resumed", "started"]

FORMS = (
    "erase: pizza, or pizza -> salad. replace: dog -> robot. rectify: aubergine -> eggplant. "
    "debias: pilot -> man pilot 50, woman pilot 50."
)
TICK = 1.0
"""Seconds between two looks at the jobs."""


def edit_page(room: Room) -> None:
    """Build the page inside the open tab."""
    with gr.Row():
        with gr.Column(min_width=280):
            action = gr.Radio(list(ACTIONS), value="erase", label="What to do")
            concepts = gr.Textbox(value="", lines=4, max_lines=20, label="Concepts, one per line", info=FORMS)
            upload = gr.File(
                label="Or a plan (YAML, JSON or CSV); it brings its own edits, settings and seed",
                file_types=list(ENDINGS),
                height=160,
            )
            method = gr.Dropdown(room.methods, value=room.methods[0], label="Method")
            strength = gr.Slider(0.1, 2.0, value=1.0, step=0.05, label="Strength")
            with gr.Accordion("More", open=False):
                kind = gr.Dropdown(list(KINDS), value=DEFAULT_KIND, label="Kind of concept: chooses the prompts")
                preserve = gr.Textbox(lines=2, value="", label="Concepts to protect, one per line")
                settings = gr.Textbox(lines=2, value="", label="Settings of the method, one key=value per line")
                seed = gr.Number(value=0, precision=0, label="Seed")
                title = gr.Textbox(max_lines=1, value="", label="Name of the run; by default its first edit")
            with gr.Row():
                check = gr.Button("Check", min_width=100)
                start = gr.Button("Start", variant="primary", min_width=100)
            said = gr.HTML(elem_id="said")
        with gr.Column(min_width=280):
            jobs = gr.HTML(elem_id="jobs")
            chosen = gr.Dropdown([], label="Job", interactive=True)
            with gr.Row():
                cancel = gr.Button("Cancel", min_width=100)
                resume = gr.Button("Go on", min_width=100)
    result = gr.HTML(elem_id="result")  # under both columns: neighbours and hold-outs are to be seen without scrolling
    asking = [action, concepts, upload, method, kind, preserve, settings, seed]
    mine = gr.Textbox(visible=False)  # the job that this page started last
    shown = gr.JSON([], visible=False)

    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
    check.click(lambda *given: checked(room, *given), asking, said, concurrency_limit=1, **private)
    start.click(lambda *given: started(room, *given), [strength, title, *asking], [said, chosen, mine], **private)
    cancel.click(lambda name: cancelled(room, name), chosen, said, **private)
    resume.click(lambda name: resumed(room, name), chosen, said, **private)
    timer = gr.Timer(TICK)
    quiet = {**private, "show_progress": "hidden"}
    chosen.input(None, js="() => ''", outputs=mine, **quiet)  # in the browser: no answer on its way can be older
    timer.tick(
        lambda *page: looked(room, *page), [chosen, mine, shown], [jobs, result, chosen, shown], queue=False, **quiet
    )


def plan_of(
    room: Room,
    action: str,
    concepts: str | None,  # a field that nobody opened yet has no text at all
    upload: str | None,
    method: str,
    kind: str,
    preserve: str | None,
    settings: str | None,
    seed: float | None,
) -> Plan:
    """The plan that was uploaded, or else typed, once it fits the model; the fields as they are on the page.

    Raises:
        PlanError: all mistakes, one per line.
        OverpaintError: a text is too long, or a setting is none.
    """
    if upload is not None:
        plan = uploaded_plan(upload, room.bench.model, method)
    else:
        plan = typed_plan(
            action,
            concepts or "",
            model=room.bench.model,
            method=method,
            kind=kind,
            preserve=preserve or "",
            settings=settings or "",
            seed=seed,
        )
    room.bench.check(plan)
    return plan


def checked(room: Room, *given: Any) -> str:
    """Whether the plan of the fields of `plan_of` is in order, and how long it takes if the device is free to tell."""
    try:
        plan = plan_of(room, *given)
        found = f"{len(plan.edits)} edit{'s' * (len(plan.edits) != 1)} by {plan.method}: the plan is in order."
        with room.worker.device(patience=0) as free:
            if not free:
                return html.message(found, "The device is busy; how long it takes can be told when it is free.")
            return html.message(found, html.time_of(room.bench.dry_run(plan)))
    except OverpaintError as error:
        return html.problem(error)


def started(room: Room, strength: float, title: str | None, *given: Any) -> tuple[str, Any, Any]:
    """Queue the plan of the fields of `plan_of`: what is said, the jobs to choose from, the job's name."""
    try:
        plan = plan_of(room, *given)
        job = room.worker.submit(plan, (title or "").strip() or asked(plan.edits[0]), float(strength))
    except OverpaintError as error:
        return html.problem(error), gr.skip(), gr.skip()
    choose = gr.update(choices=room.job_names(), value=job.name)
    return html.message(f"{job.name} is in the queue."), choose, job.name


def cancelled(room: Room, name: str | None) -> str:
    """Cancel a job."""
    return _told(lambda: room.worker.cancel(name or ""), f"{name} is cancelled; finished concepts are kept.")


def resumed(room: Room, name: str | None) -> str:
    """Queue a job again."""
    return _told(lambda: room.worker.resume(name or ""), f"{name} is in the queue again.")


def looked(room: Room, name: str | None, mine: str | None, shown: Any) -> tuple[Any, ...]:
    """What the page changes; see `look`."""
    found = look(room, name, mine, shown if isinstance(shown, list) else [])
    return (
        gr.skip() if found.jobs is None else found.jobs,
        gr.skip() if found.result is None else found.result,
        gr.skip() if found.choose is None else gr.update(**found.choose),
        list(found.shown),
    )


def _told(act: Callable[[], None], done: str) -> str:
    try:
        act()
    except OverpaintError as error:
        return html.problem(error)
    return html.message(done)
