from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from overpaint.report.pictures import picture


def content(uri: str) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(uri.partition("base64,")[2])))


def test_an_emoji_is_exact_and_twice_its_size(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    made = picture(tmp_path / "a.png")
    assert made is not None
    assert (made.width, made.height, made.crisp) == (128, 128, True)
    assert np.array_equal(np.array(content(made.uri)), pixels)


def test_a_large_picture_is_made_smaller_and_smooth(tmp_path: Path) -> None:
    Image.effect_noise((1024, 512), 50).convert("RGB").save(tmp_path / "a.png")
    made = picture(tmp_path / "a.png")
    assert made is not None
    assert (made.width, made.height, made.crisp) == (256, 128, False)
    assert content(made.uri).size == (512, 256)
    assert len(made.uri) < (tmp_path / "a.png").stat().st_size


def test_what_is_no_picture_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no")
    assert picture(tmp_path / "a.png") is picture(tmp_path / "b.png") is picture(None) is None
