from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.bench.drawing import Drawing
from overpaint.bench.edits import EditSuite
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.plan import Plan
from overpaint.report.samples import draw, probes
from tests.bench.worlds import Painter, Reader, Swap, small_world
from tests.models import tiny_sd

PLAN = Plan.parse({"edits": [{"replace": "pizza", "with": "dog"}], "preserve": ["cat"]})
SUITE = EditSuite(repeats=4, templates=("an image of a {}",), drawing=Drawing(2))


@pytest.fixture(scope="module")
def world() -> Vocabulary:
    return small_world()


@pytest.fixture(scope="module")
def backbone() -> StableDiffusion:
    return StableDiffusion(tiny_sd())


def test_every_kind_of_prompt_is_there_and_the_worst_holdouts(world: Vocabulary, backbone: StableDiffusion) -> None:
    free = [c.name for c in world.concepts if c.name not in ("pizza", "dog", "cat")]
    scores: dict[str, dict[str, float | None]] = {
        name: {"before": 0.9, "after": 0.9 - n / 20} for n, name in enumerate(free[:10])
    }
    asked = probes(PLAN, SUITE, backbone, world, scores)
    groups: dict[str, list[Any]] = {}
    for probe in asked:
        groups.setdefault(probe.group, []).append(probe)
    assert len(groups["templates"]) == 4
    assert len({probe.prompt for probe in groups["templates"]}) == 3  # each template before one again
    assert [probe.unit for probe in groups["hold-outs"]] == free[9:3:-1]
    assert len(groups["free form"]) == 1
    assert groups["neighbours"][0].unit not in ("pizza", "dog")
    assert all(probe.unit == "replace:pizza" for probe in groups.get("aliases", ()))


def test_they_are_the_pictures_that_the_figures_were_taken_of(world: Vocabulary, backbone: StableDiffusion) -> None:
    graded = {(p.group, p.prompt, p.seed) for p in SUITE.probes(PLAN.edits, ["cat"])}
    asked = probes(PLAN, SUITE, backbone, world, {"cat": {"before": 0.9, "after": 0.1}})
    shown = {(p.group, p.prompt, p.seed) for p in asked if p.group in ("templates", "hold-outs")}
    assert shown <= graded


def test_elsewhere_what_is_preserved_stands_beside(backbone: StableDiffusion) -> None:
    assert {probe.group for probe in probes(PLAN, SUITE, backbone)} == {"templates", "preserved"}


def test_pictures_are_drawn_before_and_after_graded_and_kept(world: Vocabulary, tmp_path: Path) -> None:
    painter: Any = Painter(world)
    asked = [p for p in SUITE.probes(PLAN.edits, ["cat"]) if p.group in ("templates", "hold-outs")]
    change = Swap({"pizza": "dog"})
    items = draw(asked, painter, change, SUITE, tmp_path, Reader(world))
    edited = [item for item in items if item.group == "templates"]
    assert all(item.scores["P(pizza)"].before == pytest.approx(0.9) for item in edited)
    assert all(item.scores["P(dog)"].after == pytest.approx(0.9) for item in edited)
    keys = {key for item in items for key in (item.before, item.after) if key}
    assert {path.stem for path in tmp_path.glob("*/*.png")} == keys
    count = len(painter.asked)
    assert draw(asked, painter, change, SUITE, tmp_path, Reader(world)) == items
    assert len(painter.asked) == count  # nothing is drawn twice
