from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from overpaint.errors import PlanError
from overpaint.methods.esd.pictures import noised
from overpaint.methods.esd.rows import erasing
from tests.methods.esd.small import close, config_of, plan_of, turned_by_hand, world
from tests.methods.tiny import tiny_backbone


def test_given_pictures_are_noised_as_the_schedule_says(tmp_path: Path) -> None:
    backbone = tiny_backbone()
    path = tmp_path / "a.png"
    Image.new("RGB", (16, 16), (200, 30, 60)).save(path)
    x, t = noised(backbone, [path], "dog", list(range(400)))
    mean, std = backbone.encode_images([Image.open(path)])
    abar = backbone.alphas_cumprod[t.long()].reshape(-1, 1, 1, 1)
    rest = x - abar.sqrt() * mean
    assert 0 <= t.min() < 100
    assert 900 < t.max() < 1000
    expected = (1 - abar) + abar * std.square()
    assert float((rest.square() / expected).mean()) == pytest.approx(1.0, abs=0.03)
    again = noised(backbone, [path], "dog", [7])[0]
    torch.testing.assert_close(again[0], x[7])


def test_pictures_are_erased_under_their_name(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (16, 16), (200, 30, 60)).save(path)
    plan, config = plan_of({"erase": "dog", "images": [str(path)]}), config_of()
    backbone, erasures, texts = world(plan, config)
    pool, _ = erasing(backbone, texts, erasures, config, [2] * len(erasures), "x")
    assert len(pool) == 6
    close(pool.wanted, turned_by_hand(backbone, pool, "", "dog", 1.0))


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("no")
    with pytest.raises(PlanError, match=r"a\.png.*'dog'"):
        noised(tiny_backbone(), [path], "dog", [0])
