"""Families with original files are told by the adapters' kinds; what a person took out of a pipeline is not missed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from overpaint.backbone.kinds import KINDS
from overpaint.errors import BackboneError
from overpaint.formats.families import FAMILIES, family_of
from tests.formats.pipelines import PIPELINES


@pytest.mark.parametrize("family", PIPELINES)
def test_a_family_is_known_though_parts_were_taken_out(family: str) -> None:
    pipe = PIPELINES[family]()
    assert family_of(pipe).name == family
    pipe.vae = None
    last = max(name for name in pipe.components if name.startswith("text_encoder"))
    if last == "text_encoder_3":  # T5 is often left out to save memory
        setattr(pipe, last, None)
    assert family_of(pipe).name == family


def test_every_family_has_an_adapter() -> None:
    adapters = {getattr(kind.backbone, "family", None) for kind in KINDS}
    assert {"sd1", "sd2"} == FAMILIES.keys() - adapters  # one adapter serves both


@pytest.mark.parametrize("denoiser", ["ZImageTransformer2DModel", "PixArtTransformer2DModel"])
def test_kinds_without_original_files_are_refused(denoiser: str) -> None:
    transformer: Any = type(denoiser, (), {})()
    with pytest.raises(BackboneError, match="no checkpoint or kohya layout is known; write a diffusers folder"):
        family_of(SimpleNamespace(transformer=transformer))
