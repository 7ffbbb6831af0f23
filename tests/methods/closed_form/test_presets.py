"""Defaults that depend on the model."""

from __future__ import annotations

from typing import Any

import pytest

from overpaint.methods import resolve
from overpaint.plan import Plan
from tests.methods.closed_form.small import backbone
from tests.methods.tiny import tiny_backbone

REPLACED = {"replace": "pizza", "with": "cat"}


def settings(method: str, model: Any, **own: Any) -> dict[str, Any]:
    return dict(resolve(Plan.parse({"method": method, "edits": [REPLACED], "settings": own}), model))


@pytest.mark.parametrize("method", ["uce", "time", "rece"])
def test_the_bundled_model_keeps_what_captions_say_and_others_what_was_published(method: str) -> None:
    bundled = tiny_backbone()
    assert bundled.family == "emoji"
    assert settings(method, bundled)["moment"] > 0
    assert settings(method, bundled, moment=7)["moment"] == 7
    assert settings(method, backbone())["moment"] == 0


def test_what_is_named_as_published_is_so_on_every_model() -> None:
    assert settings("uce-paper", tiny_backbone()) == settings("uce-paper", backbone())
    assert settings("uce", tiny_backbone())["tokens"] == settings("uce-paper", backbone())["tokens"] == "sequence"
    assert settings("uce", backbone())["tokens"] == "last"
