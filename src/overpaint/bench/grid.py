"""Labelled grids of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

__all__ = ["grid"]

GAP = 8
LINES = 3
INK, PAPER = (40, 40, 40), (255, 255, 255)


def grid(
    rows: Sequence[Sequence[Image.Image]],
    columns: Sequence[str] = (),
    names: Sequence[str] = (),
    cell: int | None = None,
) -> Image.Image:
    """Pictures in rows, with labels above the ``columns`` and ``names`` left of the rows.

    Labels are drawn as they are, wrapped and cut to the room they have. ``cell`` is the side of a picture in the grid:
    its own side if not given, and at least 128 pixels, so that labels can be read.

    Raises ValueError if there is no picture.
    """
    if not rows or not rows[0]:
        raise ValueError("a grid needs at least one picture")
    cell = cell or max(128, max(rows[0][0].size))
    size = max(12, cell // 10)
    font = _font(size)
    head = [_wrapped(text, font, cell) for text in columns]
    side = [_wrapped(text, font, cell) for text in names]
    top = (max((len(lines) for lines in head), default=0) * round(1.25 * size) + GAP) if head else 0
    left = (round(max((font.getlength(line) for lines in side for line in lines), default=0)) + 2 * GAP) if side else 0
    width = max(len(row) for row in rows)
    canvas = Image.new("RGB", (left + width * (cell + GAP) + GAP, top + len(rows) * (cell + GAP) + GAP), PAPER)
    draw = ImageDraw.Draw(canvas)
    write = partial(draw.multiline_text, fill=INK, font=font, align="center", spacing=round(0.25 * size))
    for number, lines in enumerate(head):
        write((left + GAP + number * (cell + GAP) + cell / 2, top), "\n".join(lines), anchor="md")
    for number, row in enumerate(rows):
        y = top + GAP + number * (cell + GAP)
        if number < len(side):
            write((left / 2, y + cell / 2), "\n".join(side[number]), anchor="mm")
        for place, image in enumerate(row):
            x = left + GAP + place * (cell + GAP)
            picture = image.convert("RGB").resize((cell, cell), Image.Resampling.LANCZOS)
            canvas.paste(picture, (x, y))
            draw.rectangle((x - 1, y - 1, x + cell, y + cell), outline=(215, 215, 215))
    return canvas


def _font(size: int) -> Any:
    """A font with many scripts: the one that comes with matplotlib, else Pillow's own."""
    spec = find_spec("matplotlib")
    folders = [] if spec is None else spec.submodule_search_locations or []
    for folder in folders:
        path = Path(folder) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)


def _wrapped(text: str, font: Any, width: int) -> list[str]:
    """At most three lines of at most ``width`` pixels; what does not fit ends in an ellipsis."""
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    cut = len(lines) > LINES
    lines = lines[:LINES]
    return [_cut(line, font, width, cut and number == LINES - 1) for number, line in enumerate(lines)] or [""]


def _cut(line: str, font: Any, width: int, always: bool) -> str:
    if font.getlength(line) <= width and not always:
        return line
    while line and font.getlength(line + "…") > width:
        line = line[:-1]
    return line + "…"
