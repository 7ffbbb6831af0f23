from __future__ import annotations

from typing import Any

import pytest

from overpaint.bench.graders.clip import ZeroShot
from overpaint.bench.remaining import PictureValidator
from overpaint.errors import OverpaintError
from overpaint.methods import fit
from overpaint.methods.esd.erasures import Erasure
from overpaint.plan import Edit, Plan
from tests.bench.test_shares import Bands
from tests.bench.worlds import Painter, Reader, Swap, small_world
from tests.methods.tiny import tiny_backbone

DOG, CAT = (Edit(action="erase", source=name, prompts=("a photo of {}", "{}")) for name in ("dog", "cat"))


def erasure(name: str, seed: int) -> Erasure:
    return Erasure(name, name, None, ("{}",), ("a photo of {}", "{} on white"), seed)


def test_what_is_left_is_what_the_grader_sees_in_validation_prompts() -> None:
    world = small_world()
    painter: Any = Painter(world)
    left = PictureValidator(Reader(world, sure=0.9), [DOG, CAT], pictures=3)
    erasures = [erasure("dog", 1), erasure("cat", 2)]
    assert left(painter, erasures) == [pytest.approx(0.9), pytest.approx(0.9)]
    asked = list(painter.asked)
    assert len(set(asked)) == len(asked) == 2 * 2 * 3
    prompts = {"a photo of dog", "dog on white", "a photo of cat", "cat on white"}
    assert {prompt for prompt, _ in asked} == prompts
    gone: Any = Swap({"dog": "pizza"})
    with gone.applied_to(painter):
        dog, cat = left(painter, erasures)
    assert dog < 0.01
    assert cat == pytest.approx(0.9)
    assert painter.asked == asked * 2


def test_graders_that_cannot_say_it_are_refused() -> None:
    world = small_world()
    for grader in (ZeroShot(Bands(world)), Reader(world)):
        with pytest.raises(OverpaintError, match=f"{grader.name} has no class 'sad poet'"):
            PictureValidator(grader, [Edit(action="erase", source="sad poet")])
    with pytest.raises(OverpaintError, match="no class 'dog'"):
        PictureValidator(ZeroShot(Bands(world)), [DOG])


def test_training_ends_when_a_validator_says_so() -> None:
    """Through the front door, by any method that asks."""
    backbone, looks = tiny_backbone(), []

    def validator(backbone: Any, erasures: Any) -> list[float]:
        looks.append([one.source for one in erasures])
        return [0.5 / len(looks)]

    settings: dict[str, Any] = {"image_steps": 2, "trajectories": 1, "steps": 20, "captions": 0, "validate_every": 2}
    settings |= {"until": "gone", "measure": "pictures", "gone": 0.2}
    plan = Plan.parse({"method": "esd-x", "settings": settings, "edits": [{"erase": "dog"}]})
    patch = fit(backbone, plan, validator=validator)
    assert looks == [["dog"]] * 3
    assert patch.provenance["training"]["updates"] == 6
    with pytest.raises(OverpaintError, match=r"settings.measure.*--grader"):
        fit(backbone, plan)
