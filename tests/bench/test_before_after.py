from __future__ import annotations

from typing import Any

import pytest
from PIL import Image, ImageChops

from overpaint.backbone.loading import backbone_of
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.bench.before_after import before_after, nearest, shown
from overpaint.bench.drawing import Drawing
from overpaint.plan import Plan
from tests.bench.worlds import Painter, Swap, small_world
from tests.models import tiny_sd

WORLD = small_world()


@pytest.fixture(scope="module")
def backbone() -> StableDiffusion:
    found = backbone_of(tiny_sd())
    assert isinstance(found, StableDiffusion)
    return found


def plan(*edits: dict[str, Any], **words: Any) -> Plan:
    return Plan.parse({"edits": list(edits), **words})


def test_one_edit_fills_the_row_with_several_seeds(backbone: StableDiffusion) -> None:
    columns = shown(plan({"replace": "dog", "with": "robot"}), backbone, WORLD, "pizza")
    assert [column.label for column in columns[:4]] == ["dog → robot"] * 4
    assert len({column.seed for column in columns[:4]}) == 4
    assert [column.label.split(":")[0] for column in columns[4:]] == ["nearest", "hold-out"]
    assert columns[5].prompt == "An image of pizza"


def test_many_edits_show_six(backbone: StableDiffusion) -> None:
    edits = [{"erase": concept.name} for concept in WORLD.concepts[:20]]
    assert len(shown(plan(*edits), backbone, WORLD, "pizza")) == 8


def test_elsewhere_a_preserved_concept_takes_the_neighbours_place(backbone: StableDiffusion) -> None:
    columns = shown(plan({"erase": "Van Gogh", "kind": "style"}, preserve=["Monet", "Manet"]), backbone)
    assert [column.label for column in columns[4:]] == ["preserved: Monet"]
    assert columns[4].prompt == "painting by Monet"


def test_labels_say_what_was_asked(backbone: StableDiffusion) -> None:
    asked = plan(
        {"erase": "pizza"},
        {"erase": "dog", "to": "cat"},
        {"rectify": "aubergine", "as": "eggplant"},
        {"debias": "pilot", "over": {"man pilot": 0.5, "woman pilot": 0.5}},
    )
    assert [column.label for column in shown(asked, backbone)] == [
        "erase pizza",
        "erase dog to cat",
        "aubergine → eggplant",
        "pilot: 50% man pilot, 50% woman pilot",
    ]


def test_the_nearest_is_nobody_that_is_edited(backbone: StableDiffusion) -> None:
    edits = plan({"replace": "dog", "with": "cat"})
    found = nearest(backbone, WORLD, edits)
    assert found in WORLD.by_name
    assert found not in ("dog", "cat")
    again = nearest(backbone, WORLD, plan({"replace": "dog", "with": "cat"}, {"erase": str(found)}))
    assert again not in (found, None)


def test_only_what_was_edited_looks_different() -> None:
    painter: Any = Painter(WORLD)
    patch: Any = Swap({"pizza": "dog"})
    columns = shown(plan({"replace": "pizza", "with": "dog"}), painter, None, "cat")
    image = before_after(painter, patch, columns, Drawing())
    assert painter.becomes == {}
    top, bottom = (row(image, number) for number in (0, 1))
    changed = ImageChops.difference(top, bottom).getbbox()
    assert changed is not None
    # four columns of the edit differ, the hold-out beside them does not
    assert changed[2] <= top.width - 128
    assert changed[2] > 3 * 128


def row(image: Image.Image, number: int) -> Image.Image:
    """The pictures of the first or second row, without their labels."""
    bottom = image.height - 8 - (1 - number) * 136
    return image.crop((image.width - 5 * 136, bottom - 128, image.width, bottom))
