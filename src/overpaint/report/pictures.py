"""Pictures as data URIs: small ones exactly and enlarged by whole pixels, large ones as JPEG of a sensible size."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

from PIL import Image

from overpaint.report.card import Picture

__all__ = ["framed", "picture"]

SMALL = 128
SHOWN = 256
QUALITY = 88


def picture(path: Path | None) -> Picture | None:
    """The picture in a file as `framed`, None if there is no such file or it is damaged."""
    if path is None:
        return None
    try:
        with Image.open(path) as opened:
            return framed(opened)
    except OSError:
        return None


def framed(image: Image.Image) -> Picture:
    """A picture to embed.

    Up to 128 pixels it is embedded as it is and shown at twice its size (a 64x64 picture at 128) with hard pixels;
    a larger one is shown 256 wide and embedded at up to twice that, for dense screens.
    """
    image = image.convert("RGB")
    width, height = image.size
    if max(width, height) <= SMALL:
        scale = max(1, SMALL // max(width, height))
        return Picture(_uri(image, "PNG"), width * scale, height * scale, crisp=True)
    image.thumbnail((2 * SHOWN, 2 * SHOWN), Image.Resampling.LANCZOS)
    shown = min(1.0, SHOWN / max(width, height))
    return Picture(_uri(image, "JPEG"), round(width * shown), round(height * shown))


def _uri(image: Image.Image, kind: str) -> str:
    data = BytesIO()
    options = {"quality": QUALITY} if kind == "JPEG" else {"optimize": True}
    image.save(data, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(data.getvalue()).decode('ascii')}"
