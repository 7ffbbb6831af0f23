"""Pictures of a plan come in RGB, and what is none is named."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from overpaint.errors import PlanError
from overpaint.methods import TransientStore, fit, work_of
from overpaint.methods.pictures import read_pictures
from overpaint.plan import Plan
from tests.methods.tiny import tiny_backbone


def test_every_picture_is_rgb(tmp_path: Path) -> None:
    Image.new("L", (3, 2), 200).save(tmp_path / "gray.png")
    (picture,) = read_pictures([tmp_path / "gray.png"], "cat")
    assert (picture.mode, picture.size, picture.getpixel((0, 0))) == ("RGB", (3, 2), (200, 200, 200))


def test_a_text_file_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "not.png").write_text("hello")
    with pytest.raises(PlanError, match=r"not\.png: is no .* of 'cat' \(of no known format\); replace it"):
        read_pictures([tmp_path / "not.png"], "cat")


@pytest.mark.parametrize(("method", "action"), [("esd-x", "erase"), ("emcid", "rectify")])
def test_pictures_that_cannot_be_read_are_told_before_any_work_starts(tmp_path: Path, method: str, action: str) -> None:
    backbone = tiny_backbone()
    paths = [tmp_path / name for name in ("whole.png", "cut.png", "empty.png")]
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(paths[0])
    paths[1].write_bytes(paths[0].read_bytes()[:2000])
    paths[2].touch()
    edits = [{"erase": "hens"}, {action: "dog", "images": [str(path) for path in paths]}]
    settings = {"values": "noise", "blocks": [0]} if method == "emcid" else {}
    plan, store = Plan.parse({"method": method, "edits": edits, "settings": settings}), TransientStore()
    with pytest.raises(PlanError) as raised:
        fit(backbone, plan, store=store, captions=["a cat"])
    assert not store.entries
    cut, empty = str(raised.value).splitlines()
    assert cut.startswith(f"edits[1]: {paths[1]}: is no readable picture of 'dog' (")
    assert empty.startswith(f"edits[1]: {paths[2]}: is no readable picture of 'dog' (")
    with pytest.raises(PlanError) as counted:
        work_of(backbone, plan)
    assert str(counted.value) == str(raised.value)
