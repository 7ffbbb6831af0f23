from __future__ import annotations

import pytest
from PIL import Image

from overpaint.bench.grid import GAP, grid

RED, BLUE = Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue")


def test_pictures_stand_in_rows() -> None:
    made = grid([[RED, BLUE], [BLUE, RED]])
    first, second = GAP + 64, 2 * GAP + 128 + 64
    assert [made.getpixel((x, y)) for y in (first, second) for x in (first, second)] == [
        (255, 0, 0),
        (0, 0, 255),
        (0, 0, 255),
        (255, 0, 0),
    ]


def test_labels_have_room_of_their_own() -> None:
    bare, labelled = grid([[RED]]), grid([[RED]], ["a tiger"], ["before"])
    assert labelled.width > bare.width
    assert labelled.height > bare.height
    ink = sum(labelled.crop((0, 0, labelled.width, labelled.height - bare.height)).convert("L").histogram()[:128])
    assert ink > 20


@pytest.mark.parametrize("label", ["", " ", "a" * 500, "x " * 500, "\x1b[31m", "日本語 ☕", "a\nb", "\u202e"])
def test_any_label_is_drawn_without_breaking_the_grid(label: str) -> None:
    made = grid([[RED, BLUE]], [label, "b"], [label])
    assert made.width < 3 * (128 + GAP) + 200
    assert made.height < 128 + 100


def test_a_grid_of_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        grid([])


def test_pictures_keep_their_size_unless_they_are_too_small_for_labels() -> None:
    large = Image.new("RGB", (300, 300))
    assert grid([[large]]).width == 300 + 2 * GAP
    assert grid([[RED]]).width == 128 + 2 * GAP
    assert grid([[large]], cell=150).width == 150 + 2 * GAP
