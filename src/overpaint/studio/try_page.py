"""Try: the same prompts and seeds drawn by the model as it was and with a mixture of patches."""

from __future__ import annotations

from typing import Any

import gradio as gr

from overpaint.errors import OverpaintError
from overpaint.studio import html
from overpaint.studio.choices import refreshed
from overpaint.studio.inputs import prompts_of, seeds_in
from overpaint.studio.room import Room
from overpaint.studio.workbench import Layer

__all__ = ["drawn", "try_page"]

BASE = "the model as it was"
MOST = 8
"""Patches in a mixture."""


def try_page(room: Room, tab: Any) -> None:
    """Build the page inside the open ``tab``."""
    with gr.Row():
        with gr.Column(min_width=280):
            prompts = gr.Textbox(lines=3, max_lines=12, label="Prompts, one per line", value="a photo of a pizza")
            seeds = gr.Textbox(max_lines=1, label="Seeds, such as 0..3 or 1,5,9", value="0..3")
            patches = gr.Dropdown(
                list(room.patches()), multiselect=True, max_choices=MOST, label=f"Patches of these runs, up to {MOST}"
            )
            # Sliders that are there from the start: Gradio forgets listeners of those that come and go.
            sliders = [gr.Slider(0.0, 2.0, value=1.0, step=0.05, visible=False) for _ in range(MOST)]
            draw = gr.Button("Draw", variant="primary")
        with gr.Column(scale=2, min_width=280):
            pictures = gr.HTML(elem_id="pictures")

    def fresh(chosen: list[str] | None) -> Any:
        return refreshed(list(room.patches()), chosen)

    def labelled(chosen: list[str] | None) -> list[Any]:
        labels = [f"Strength of {name}" for name in chosen or []][:MOST]
        shown = [gr.update(label=label, visible=True) for label in labels]
        return shown + [gr.update(visible=False)] * (MOST - len(shown))

    def pressed(prompts: str | None, seeds: str | None, chosen: list[str] | None, *strengths: float) -> str:
        mixture = dict(zip((chosen or [])[:MOST], strengths, strict=False))
        return drawn(room, prompts or "", seeds or "", mixture)

    private: dict[str, Any] = {"api_visibility": "private"}
    looked_up = tab.select(fresh, patches, patches, show_progress="hidden", **private)
    # a choice made while names are looked up may not be told as a change: strengths follow the answer, too
    looked_up.then(labelled, patches, sliders, show_progress="hidden", **private)
    patches.change(labelled, patches, sliders, show_progress="hidden", **private)
    draw.click(pressed, [prompts, seeds, patches, *sliders], pictures, concurrency_limit=1, **private)


def drawn(room: Room, prompts: str, seeds: str, strengths: dict[str, float]) -> str:
    """The pictures as a table, or what is wrong with the wishes.

    Arguments:
        strengths: by the name of the run whose patch it is.
    """
    try:
        known = room.patches()
        if missing := [name for name in strengths if name not in known]:
            return html.message(f"{missing[0]}: has no patch any more; choose another run", level="error")
        wanted = prompts_of(prompts)
        columns = seeds_in(seeds, rows=len(wanted) * (2 if strengths else 1))
        layers = [Layer(known[name], float(strength)) for name, strength in strengths.items()]
        mixture = " + ".join(f"{name} × {strength:g}" for name, strength in strengths.items())
        asked = [prompt for prompt in wanted for _ in columns]
        with room.worker.device():
            shown = {BASE: room.bench.draw(asked, columns * len(wanted), [])}
            if layers:
                shown[mixture] = room.bench.draw(asked, columns * len(wanted), layers)
    except OverpaintError as error:
        return html.problem(error)
    return html.sheet(wanted, columns, shown)
