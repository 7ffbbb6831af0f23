"""Try: the same prompts and seeds drawn by the model as it was and with a mixture of patches."""

from __future__ import annotations

from typing import Any

import gradio as gr

from overpaint.errors import OverpaintError
from overpaint.studio import html
from overpaint.studio.inputs import prompts_of, seeds_in
from overpaint.studio.room import Room
from overpaint.studio.workbench import Layer

__all__ = ["drawn", "try_page"]

BASE = "the model as it was"


def try_page(room: Room, tab: Any) -> None:
    """Build the page inside the open ``tab``."""
    alive = {"interactive": True}  # Gradio cannot see what buttons that come and go read
    pictures = gr.HTML(elem_id="pictures", render=False)
    with gr.Row():
        with gr.Column(min_width=280):
            prompts = gr.Textbox(
                lines=3, max_lines=12, label="Prompts, one per line", value="a photo of a pizza", **alive
            )
            seeds = gr.Textbox(max_lines=1, label="Seeds, such as 0..3 or 1,5,9", value="0..3", **alive)
            patches = gr.Dropdown(list(room.patches()), multiselect=True, label="Patches of these runs", **alive)

            @gr.render(inputs=patches)
            def strengths(chosen: list[str] | None) -> None:
                names = list(chosen or [])
                given = [
                    gr.Slider(0.0, 2.0, value=1.0, step=0.05, label=f"Strength of {name}", key=name, **alive)
                    for name in names
                ]
                draw = gr.Button("Draw", variant="primary", key="draw")

                def pressed(prompts: str | None, seeds: str | None, *strengths: float) -> str:
                    return drawn(room, prompts or "", seeds or "", dict(zip(names, strengths, strict=True)))

                draw.click(pressed, [prompts, seeds, *given], pictures, concurrency_limit=1, api_visibility="private")

        with gr.Column(scale=2, min_width=280):
            pictures.render()

    def fresh(chosen: list[str] | None) -> Any:
        names = list(room.patches())
        return gr.update(choices=names, value=[name for name in chosen or [] if name in names])

    tab.select(fresh, patches, patches, api_visibility="private", show_progress="hidden")


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
