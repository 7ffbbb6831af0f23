"""What the denoiser makes of phrases: nothing else where they are the same, whatever else is asked."""

from __future__ import annotations

import pytest

from overpaint.methods.words.drawn import differences
from tests.methods.tiny import tiny_backbone


def silent(*args: object) -> None:
    """Tell nobody."""


def test_the_same_words_differ_by_nothing_and_others_by_something() -> None:
    found = differences(tiny_backbone(), {"dog": ("DOG", "pizza")}, "photo of {}", 0, silent)
    same, other = found["dog"]
    assert same == pytest.approx(0, abs=1e-9)
    assert other > 0.01


def test_a_source_is_looked_at_the_same_in_any_company() -> None:
    model = tiny_backbone()
    alone = differences(model, {"dog": ("cat", "pizza")}, "photo of {}", 3, silent)
    among = differences(model, {"hens": ("cat",), "pizza": (), "dog": ("cat", "pizza")}, "photo of {}", 3, silent)
    assert among["dog"] == pytest.approx(alone["dog"], rel=1e-3)
    assert "pizza" not in among


def test_every_prediction_is_told() -> None:
    told: list[int] = []
    differences(tiny_backbone(), {"dog": ("cat", "pizza"), "hens": ("cat",)}, "{}", 0, told.append)
    assert sum(told) == (2 + 2) + (2 + 1)
