"""Defaults that depend on the plan."""

from __future__ import annotations

from typing import Any

import pytest

from overpaint.methods import resolve
from overpaint.plan import Plan
from tests.methods.closed_form.small import backbone
from tests.methods.tiny import tiny_backbone

ERASED = {"erase": "pizza"}
DEBIASED = {"debias": "dog", "over": ["cat", "hens"]}


@pytest.mark.parametrize("edits", [[DEBIASED], [ERASED, DEBIASED]])
def test_debiasing_the_bundled_model_keeps_what_captions_say(edits: list[dict[str, Any]]) -> None:
    def moment(method: str, model: Any, *edits: dict[str, Any], **settings: Any) -> Any:
        return resolve(Plan.parse({"method": method, "edits": list(edits), "settings": settings}), model)["moment"]

    bundled = tiny_backbone()
    assert bundled.family == "emoji"
    assert moment("uce", bundled, *edits) > 0
    assert moment("uce", bundled, *edits, moment=7) == 7
    assert moment("uce", bundled, ERASED) == 0
    assert moment("uce-paper", bundled, *edits) == 0
    other = backbone()
    other.family = "sd1"
    assert moment("uce", other, *edits) == 0
