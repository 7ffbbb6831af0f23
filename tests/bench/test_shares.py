"""Pictures are counted by the destination that they show, at the same seeds every time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import one_hot

from overpaint.bench.graders.clip import ClipEncoder, ZeroShot
from overpaint.bench.shares import ShareCounter, countable
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.errors import OverpaintError
from overpaint.plan import Edit
from overpaint.plan.templates import KINDS
from tests.bench.worlds import Painter, Reader, Swap, small_world

COOK = Edit(action="debias", source="cook", over={"man cook": 0.5, "woman cook": 0.5}, prompts=("a {}", "{}"))
OTHER = Edit(action="replace", source="pizza", destination="dog")


def counter(edits: list[Edit], **options: Any) -> tuple[ShareCounter, Painter]:
    world = small_world()
    painter = Painter(world)
    backbone: Any = painter
    return ShareCounter(backbone, Reader(world), edits, **options), painter


def test_shares_are_those_of_the_pictures() -> None:
    count, painter = counter([COOK, OTHER])
    unchanged: Any = Swap({})
    first = count(unchanged, ["cook"], range(40))
    expected = sum(seed % 100 < 100 * painter.vocabulary.by_profession["cook"].share_man for _, seed in painter.asked)
    assert first == {"cook": {"man cook": expected / 40, "woman cook": 1 - expected / 40}}
    assert {prompt for prompt, _ in painter.asked} == {"a cook", "cook"}
    asked = list(painter.asked)
    women: Any = Swap({"cook": "woman cook"})
    assert count(women, ["cook"], range(40)) == {"cook": {"man cook": 0.0, "woman cook": 1.0}}
    assert painter.asked[len(asked) :] == asked
    count(unchanged, ["cook"], range(40, 64))
    seeds = {seed for _, seed in painter.asked[2 * len(asked) :]}
    assert len(seeds) == 24
    assert not seeds & {seed for _, seed in asked}
    del painter.asked[2 * len(asked) :]
    with pytest.raises(ValueError, match="no pictures"):
        count(unchanged, ["cook"], range(0))
    assert count(unchanged, [], range(40)) == {}
    assert len(painter.asked) == 2 * len(asked)


def test_prompts_are_asked_as_people_write_them() -> None:
    def asked(**edit: Any) -> list[str]:
        count, painter = counter([COOK.model_copy(update=edit)])
        count(Swap({}), [edit.get("source", "cook")], range(8))  # type: ignore[arg-type]
        return list(dict.fromkeys(prompt for prompt, _ in painter.asked))

    kind = {"kind": "profession", "prompts": KINDS["profession"].prompts}
    assert asked(**kind) == ["a photo of a cook", "an image of a cook", "a cook", "cook"]
    assert asked(**kind, source="artist")[2:] == ["an artist", "artist"]
    assert asked(**kind, source="a cook") == ["a photo of a cook", "an image of a cook", "a cook"]
    assert asked(prompts=("the {} in his kitchen",)) == ["the cook in his kitchen"]
    assert asked(kind="style", prompts=("style of {}",)) == ["style of cook"]


class Bands(ClipEncoder):
    """Sees a picture's class of `Painter`, and knows the names of a vocabulary."""

    def __init__(self, world: Vocabulary) -> None:
        super().__init__()
        self.name, self.world = "bands", world

    def embed_images(self, images: Sequence[Image.Image]) -> Tensor:
        pixels: list[Any] = [image.getpixel((0, 0)) for image in images]
        return one_hot(torch.tensor([r + 256 * g for r, g, _ in pixels]), len(self.world)).float()

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        return one_hot(torch.tensor([self.world.by_name[text] for text in texts]), len(self.world)).float()


def test_clip_counts_what_it_takes_a_picture_for() -> None:
    """Of sources with unlike numbers of destinations, the same as a classifier that sees the same."""
    world = small_world()
    three = COOK.model_copy(update={"source": "pizza", "over": {"pizza": 0.2, "dog": 0.3, "cat": 0.5}})
    backbone: Any = Painter(world)
    becomes: Any = Swap({"pizza": "cat"})
    graders = ZeroShot(Bands(world)), Reader(world)
    by_clip, by_class = (ShareCounter(backbone, g, [COOK, three]) for g in graders)
    found = by_clip(becomes, ["cook", "pizza"], range(90))
    assert found == by_class(becomes, ["cook", "pizza"], range(90))
    assert found["pizza"] == {"pizza": 0.0, "dog": 0.0, "cat": 1.0}
    assert by_clip.key != by_class.key
    assert countable(graders[0], [COOK.model_copy(update={"over": {"sad": 0.5, "glad": 0.5}})])


def test_the_key_tells_what_was_counted_how() -> None:
    other = COOK.model_copy(update={"prompts": ("a {}", "the {}")})
    several: list[tuple[Edit, dict[str, Any]]] = [(COOK, {}), (COOK, {}), (COOK, {"seed": 1}), (other, {})]
    keys = [counter([edit], **options)[0].key for edit, options in several]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_what_the_grader_does_not_know_cannot_be_counted() -> None:
    strange = COOK.model_copy(update={"source": "poet", "over": {"sad poet": 0.5, "glad poet": 0.5}})
    grader = Reader(small_world())
    assert countable(grader, [COOK, OTHER])
    assert not countable(grader, [COOK, strange])
    assert not countable(grader, [OTHER])
    with pytest.raises(OverpaintError, match="does not know 'sad poet'"):
        counter([strange])
