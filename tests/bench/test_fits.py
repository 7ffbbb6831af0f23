from __future__ import annotations

from pathlib import Path

import pytest

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.bench.fits import Fits
from overpaint.plan import Edit, Plan
from tests.methods.tiny import CAPTIONS, tiny_backbone

PLAN = Plan(
    model="tiny",
    method="emcid-copy",
    edits=(Edit(action="replace", source="pizza", destination="dog"),),
    settings={"blocks": [0, 1], "lambda": 0.01},
)
NOTES = (
    "",
    "{",
    "[" * 2000,
    "[]",
    "{}",
    '{"seconds": null}',
    '{"seconds": NaN}',
    '{"seconds": 1e999}',
    f'{{"seconds": 1{"0" * 400}}}',
)


@pytest.fixture(scope="module")
def backbone() -> StableDiffusion:
    return tiny_backbone()


def test_what_was_fitted_before_is_read(backbone: StableDiffusion, tmp_path: Path) -> None:
    fits = Fits(tmp_path, CAPTIONS)
    change, seconds = fits.fit(backbone.pipe, PLAN)
    (path,) = tmp_path.glob("*.safetensors")
    written = path.stat().st_mtime_ns
    again, noted = fits.fit(backbone.pipe, PLAN)
    assert again.hash == change.hash
    assert noted == round(seconds, 3)
    assert path.stat().st_mtime_ns == written


def test_what_is_damaged_is_made_again(
    backbone: StableDiffusion, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fits = Fits(tmp_path, CAPTIONS)
    change, _ = fits.fit(backbone.pipe, PLAN)
    (path,) = tmp_path.glob("*.safetensors")
    (note,) = tmp_path.glob("*.json")
    whole = path.read_bytes()
    for spoilt, contents in ((note, [text.encode() for text in NOTES]), (path, [whole[:-1], b""])):
        for content in contents:
            spoilt.write_bytes(content)
            caplog.clear()
            assert fits.fit(backbone.pipe, PLAN)[0].hash == change.hash
            (line,) = caplog.messages
            assert "is damaged" in line
            assert "\n" not in line
            assert path.read_bytes() == whole
