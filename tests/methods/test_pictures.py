"""Pictures of a plan come in RGB, and what is none is named."""

from pathlib import Path

import pytest
from PIL import Image

from overpaint.errors import PlanError
from overpaint.methods.pictures import read_pictures


def test_every_picture_is_rgb(tmp_path: Path) -> None:
    Image.new("L", (3, 2), 200).save(tmp_path / "gray.png")
    (picture,) = read_pictures([tmp_path / "gray.png"], "cat")
    assert (picture.mode, picture.size, picture.getpixel((0, 0))) == ("RGB", (3, 2), (200, 200, 200))


def test_a_text_file_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "not.png").write_text("hello")
    with pytest.raises(PlanError, match=r"not\.png: is no readable picture of 'cat'"):
        read_pictures([tmp_path / "not.png"], "cat")
