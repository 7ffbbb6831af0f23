"""``overpaint generate``: a grid of pictures, with patches or without."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from overpaint.cli.console import err, say
from overpaint.cli.console import out as stdout
from overpaint.cli.options import Device, DryRun, Guidance, Out, Ray, Seed, Steps, check_picture, finite
from overpaint.errors import OverpaintError

__all__ = ["generate", "seeds_of"]

MOST = 1000


def generate(
    prompts: Annotated[list[str], typer.Argument(help="What to draw: a row of pictures for each prompt.")],
    out: Out = Path("grid.png"),
    patch: Annotated[list[Path] | None, typer.Option("--patch", help="A run or patch file; repeat for more.")] = None,
    scale: Annotated[float, typer.Option("--scale", callback=finite, help="Strength of the patches.")] = 1.0,
    compare: Annotated[bool, typer.Option("--compare", help="Draw without the patches as well.")] = False,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="As everywhere. [the first patch's or emoji]"),
    ] = None,
    seed: Seed = 0,
    seeds: Annotated[
        str | None, typer.Option("--seeds", metavar="0..3", help="A column for each: 0..3 or 1,5,9. [the seed alone]")
    ] = None,
    steps: Steps = 20,
    guidance: Guidance = None,
    device: Device = None,
    ray: Ray = None,
    dry_run: DryRun = False,
) -> None:
    """Draw prompts and save the pictures as one grid."""
    columns = seeds_of(seeds) if seeds is not None else [seed]
    check_picture(out)
    if compare and not patch:
        raise OverpaintError("--compare: there is nothing to compare with; name a run or patch file with --patch")

    from overpaint.bench.grid import grid
    from overpaint.cli.models import open_backbone
    from overpaint.cli.patches import applied, base_model, read_change
    from overpaint.files import replacing
    from overpaint.guards import scaled
    from overpaint.progress import RichProgress

    patches = [scaled(read_change(path), scale) for path in patch or ()]
    name = base_model(patches[0], model, (patch or [Path()])[0]) if patches else model or "emoji"
    backbone = open_backbone(name, device)
    progress = RichProgress(err())
    asked = [prompt for prompt in prompts for _ in columns]
    wanted = columns * len(prompts)
    kinds = ["", "patched"] if compare and patches else ["" if not patches else "patched"]
    if dry_run:
        from overpaint.bench.drawing import Drawing
        from overpaint.cli.dry_run import costs

        with applied(backbone.pipe, patches):  # they fit
            work = Drawing(steps, guidance).work(backbone, len(asked) * len(kinds))
        stdout().print(costs(f"{work.pictures} pictures by {name}", work, backbone))
        return
    drawn = {}
    for kind in kinds:
        with applied(backbone.pipe, patches if kind else []):
            if ray is None:
                drawn[kind] = backbone.images(asked, wanted, steps, guidance, progress=progress)
            else:
                from overpaint.scale import images_on_ray

                drawn[kind] = images_on_ray(backbone, asked, wanted, steps, guidance, address=ray, progress=progress)
    rows, names = [], []
    for number, prompt in enumerate(prompts):
        for kind in kinds:
            rows.append(drawn[kind][number * len(columns) : (number + 1) * len(columns)])
            names.append(prompt + (f" ({kind})" if len(kinds) > 1 and kind else ""))
    with replacing(out) as temporary:
        grid(rows, [f"seed {number}" for number in columns], names).save(temporary)
    say(out)


def seeds_of(text: str) -> list[int]:
    """The seeds in ``0..3`` (both ends), ``1,5,9`` or a mixture of both.

    Raises:
        OverpaintError: it is none of these, or they are more than 1000.
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,18})(?:\s*\.\.\s*(\d{1,18}))?\s*", part)
        if match is None:
            raise OverpaintError(f"--seeds {text}: not seeds; write 0..3 or 1,5,9")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or len(found) + last - first >= MOST:
            raise OverpaintError(f"--seeds {text}: write the smaller seed first, and at most {MOST} of them")
        found += range(first, last + 1)
    return found
