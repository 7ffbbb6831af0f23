"""``overpaint trace``: where concepts live in a text encoder, as a table and a plot."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from overpaint.cli.console import err, out, plain, say, table
from overpaint.cli.options import Device, DryRun, Model, Out, Seed, check_picture
from overpaint.errors import OverpaintError

if TYPE_CHECKING:
    from overpaint.backbone.backbone import Backbone
    from overpaint.backbone.text import TextEncoder

__all__ = ["trace"]


def trace(
    model: Model = "emoji",
    encoder: Annotated[
        str | None, typer.Option("--encoder", help="Which text encoder, of several: text_encoder, text_encoder_2, ...")
    ] = None,
    pairs: Annotated[int, typer.Option("--pairs", min=1, help="How many pairs of concepts.")] = 100,
    to: Out = Path("trace.png"),
    seed: Seed = 0,
    device: Device = None,
    dry_run: DryRun = False,
) -> None:
    """Replace the state of the last concept token block by block, and see what of the concept comes through."""
    check_picture(to, (".svg", ".pdf"))

    from overpaint.cli.models import open_backbone
    from overpaint.errors import BackboneError
    from overpaint.files import replacing
    from overpaint.progress import RichProgress
    from overpaint.trace import TEMPLATES, causal_trace, choose_blocks
    from overpaint.trace.plot import plot

    backbone = open_backbone(model, device)
    text = _encoder(backbone, encoder)
    named = _pairs(backbone, pairs, seed)
    if dry_run:
        out().print(_costs(backbone, text, len(named) * len(TEMPLATES)))
        return
    with RichProgress(err()).task("tracing", total=len(named) * len(TEMPLATES), unit="prompt") as advance:
        found = causal_trace(text, named, TEMPLATES, advance=advance)
    made = table(
        f"share of the destination recovered, {found.pairs} pairs in {found.prompts} prompts",
        *("after block", "end token", "padding", "end (all)", "padding (all)"),
    )
    columns = (found.end, found.padding, found.end_all, found.padding_all)
    for block, row in enumerate(zip(*columns, strict=True)):
        made.add_row(plain(block), *(plain("-" if share != share else f"{share:.2f}") for share in row))
    out().print(made)
    say(f"(all): all concept tokens replaced; {found.aligned} of the prompts have names of equal length", "dim")
    try:
        say(f"blocks to edit: {', '.join(map(str, choose_blocks(found)))}")
    except BackboneError as error:
        say(error, "yellow")
    with replacing(to) as temporary:
        plot(found, temporary)
    say(to)


def _costs(backbone: Backbone, text: TextEncoder, prompts: int) -> Table:
    """Source and destination go to the end, and with each block's state replaced on from it, once or twice."""
    from overpaint.cli.dry_run import costs
    from overpaint.methods.work import Work

    blocks = prompts * 2 * (4 * text.depth + text.depth * (text.depth - 1) // 2)
    text.encode(["a dog"])
    start = time.monotonic()
    text.encode(["a dog"])
    seconds = (time.monotonic() - start) / len(text.blocks)
    more = {"prompts": f"{prompts:,}", "blocks that prompts pass": f"{blocks:,}"}
    return costs(f"a trace of {text.name}", Work(), backbone, blocks * seconds, more)


def _encoder(backbone: Backbone, name: str | None) -> TextEncoder:
    """The one of that name, or the first that is read token by token. OverpaintError if there is none."""
    if name is None:
        return backbone.text
    known = {text.name: text for text in backbone.text_encoders}
    if name not in known:
        raise OverpaintError(
            f"--encoder {name}: the model has no text encoder of that name; there is {', '.join(known)}"
        )
    return known[name]


def _pairs(backbone: Backbone, count: int, seed: int) -> list[tuple[str, str]]:
    """Random pairs of the bundled vocabulary for its model, elsewhere everyday nouns, each with each if need be."""
    from overpaint.seeding import derive
    from overpaint.trace import PAIRS

    if backbone.family == "emoji":
        from overpaint.emoji.vocabulary import Vocabulary

        names = [concept.name for concept in Vocabulary.load().concepts]
        names.sort(key=lambda name: derive(seed, "trace", name))
        return [(names[2 * i % len(names)], names[(2 * i + 1) % len(names)]) for i in range(count)]
    sources, destinations = zip(*PAIRS, strict=True)
    turned = [
        (source, destinations[(i + turn) % len(destinations)])
        for turn in range(len(destinations))
        for i, source in enumerate(sources)
    ]
    return turned[:count]
