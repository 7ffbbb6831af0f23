"""Renders every concept in every style: SVG to 60x60 RGBA, centred on a transparent 64x64 canvas."""

import io
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image

from overpaint.emoji.recipe.catalogue import Candidate, IconSet, candidates, icon_sets
from overpaint.emoji.recipe.sources import fetch
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.files import replacing

__all__ = ["CANVAS", "PICTURE", "Pictures", "composite", "draw", "draw_all", "render"]

logger = logging.getLogger(__name__)

CANVAS = 64
PICTURE = 60
MINIMUM_INK = 0.01
"""Share of the canvas that must be painted, in units of opaque pixels; less is a broken or empty icon."""

FILE = "pictures.npz"


@dataclass(frozen=True)
class Pictures:
    """All pictures of the world: rgba (N, 64, 64, 4) uint8 with straight alpha, concept (N,) int16, style (N,) int8."""

    rgba: NDArray[np.uint8]
    concept: NDArray[np.int16]
    style: NDArray[np.int8]

    @classmethod
    def load(cls, work: Path) -> "Pictures":
        """Read what `render` wrote."""
        with np.load(work / FILE) as arrays:
            return cls(arrays["rgba"], arrays["concept"], arrays["style"])

    def save(self, work: Path) -> Path:
        """Write in one rename, so that a killed run leaves no half of a file."""
        target = work / FILE
        with replacing(target) as temporary:
            np.savez_compressed(temporary, rgba=self.rgba, concept=self.concept, style=self.style)
        return target

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.rgba)


def composite(rgba: NDArray[np.uint8], rgb: tuple[int, int, int] | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures (N, 64, 64, 4) on one colour (3,) or a colour for each (N, 3): (N, 64, 64, 3)."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    colour = np.asarray(rgb, dtype=np.float32).reshape(-1, 1, 1, 3)
    return np.rint(rgba[..., :3] * alpha + colour * (1 - alpha)).astype(np.uint8)


def draw(icons: IconSet, name: str) -> NDArray[np.uint8]:
    """One icon as (64, 64, 4) uint8, straight alpha, its longer side 60 pixels."""
    svg, flip = icons.svg(name)
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=PICTURE, height=PICTURE))
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    canvas = Image.new("RGBA", (CANVAS, CANVAS))
    canvas.paste(image, ((CANVAS - image.width) // 2, (CANVAS - image.height) // 2))
    pixels = np.asarray(canvas)
    return np.ascontiguousarray(pixels[:, ::-1] if flip else pixels)


def draw_all(concepts: list[Candidate], sets: tuple[IconSet, ...]) -> Pictures:
    """Every concept in every style it exists in, by concept and then style; empty renders are dropped and logged."""
    rgba, concept, style = [], [], []
    for index, candidate in enumerate(concepts):
        for s, name in sorted(candidate.icons.items()):
            picture = draw(sets[s], name)
            if picture[..., 3].mean() / 255 < MINIMUM_INK:
                logger.warning("dropped the empty picture of %r in style %d", candidate.label, s)
                continue
            rgba.append(picture)
            concept.append(index)
            style.append(s)
        if index % 200 == 0:
            logger.info("rendered %d of %d concepts", index, len(concepts))
    return Pictures(np.stack(rgba), np.array(concept, np.int16), np.array(style, np.int8))


def render(work: Path) -> Pictures:
    """Render the shipped vocabulary into `work/pictures.npz`, or load what is there if it is of the same concepts."""
    vocabulary = Vocabulary.load()
    mark = work / "pictures.concepts"
    concepts = "".join(f"{concept.emoji}\n" for concept in vocabulary.concepts)
    if (work / FILE).exists() and mark.exists() and mark.read_text(encoding="utf-8") == concepts:
        return Pictures.load(work)
    npm = fetch(work)
    sets = icon_sets(npm)
    by_emoji = {candidate.emoji: candidate for candidate in candidates(npm, sets)}
    pictures = draw_all([by_emoji[concept.emoji] for concept in vocabulary.concepts], sets)
    mark.unlink(missing_ok=True)
    pictures.save(work)
    mark.write_text(concepts, encoding="utf-8")
    return pictures
