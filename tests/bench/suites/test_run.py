"""The bench itself: nothing changes where nothing was changed, noise is called broken, a kill loses nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.bench.drawing import Drawing
from overpaint.bench.metrics.attack import attack_success
from overpaint.bench.metrics.forget import source_forget
from overpaint.bench.metrics.gender import ratio_deviation
from overpaint.bench.metrics.holdout import holdout_change, holdout_delta
from overpaint.bench.metrics.neighbours import neighbour_damage
from overpaint.bench.metrics.perceptual import GraderDistance, perceptual_change
from overpaint.bench.metrics.pixels import pixel_identity
from overpaint.bench.metrics.reach import source_to_destination
from overpaint.bench.probes import Probe, of_holdout, of_source
from overpaint.bench.results import Case, Result, Row
from overpaint.bench.suites.run import Bench
from overpaint.bench.suites.suite import Findings, Judges, Part, Spec, Suite
from overpaint.errors import OverpaintError
from overpaint.methods import METHODS
from overpaint.patch import LowRank, Patch
from overpaint.patch.delta import Dense
from overpaint.plan import Edit, Plan
from tests.bench.recall import GUIDANCE, STEPS, Recall
from tests.bench.worlds import random_grader
from tests.models import tiny_sd

FC2 = "text_encoder.text_model.encoder.layers.0.mlp.fc2.weight"
EDIT = Edit(action="replace", source="pizza", destination="dog")
NAMES = ("cat", "hen", "chin", "kitchen", "photo", "of", "an")
DRAWING = Drawing(STEPS, GUIDANCE)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overpaint.bench.artist.default_batch", lambda *_: 8)


@pytest.fixture(scope="module")
def backbone() -> StableDiffusion:
    return StableDiffusion(tiny_sd())


def probes() -> tuple[Probe, ...]:
    templates = ("an image of {}", "{}")
    found = of_source("templates", EDIT, templates, 0)
    found += of_holdout("neighbours", "hen", templates, 0)
    for name in NAMES:
        found += of_holdout("hold-outs", name, templates, 0)
    return tuple(found)


@pytest.fixture(scope="module")
def judges(backbone: StableDiffusion) -> Judges:
    return Judges(
        grader=Recall(backbone, [*probes(), Probe("", "", "a dog", 5, (), "dog")]),
        perceptual=GraderDistance(random_grader().network),
    )


def rows(found: Findings) -> list[Row]:
    sheet, judge = found.sheet, found.judges.name
    assert found.judges.perceptual is not None
    return [
        source_forget(sheet, "templates", judge),
        source_to_destination(sheet, "templates", judge),
        neighbour_damage(sheet, "neighbours", judge),
        holdout_delta(sheet, "hold-outs", judge),
        holdout_change(sheet, "hold-outs", judge),
        *ratio_deviation(sheet, "templates", judge),
        *attack_success(sheet, "templates", judge),
        *pixel_identity(sheet, "hold-outs", found.pictures),
        perceptual_change(sheet, "hold-outs", found.pictures, found.judges.perceptual),
    ]


def suite(judges: Judges, plans: tuple[Plan, ...] = (), name: str = "patch") -> Suite:
    spec = Spec(name, "replacement", 1, (Part(plans, probes()),), rows, method="emcid-copy")
    return Suite("tiny", "a tiny suite", [spec], judges)


def judged(
    backbone: StableDiffusion, judges: Judges, out: Path, patch: Any = None, plans: tuple[Plan, ...] = ()
) -> Case:
    return Bench(backbone, "tiny", out, DRAWING, given=patch).run(suite(judges, plans)).cases[0]


def noise(pipe: Any) -> Patch:
    """The denoiser's weights drawn anew, at their own spread."""
    torch.manual_seed(7)
    deltas = {
        f"unet.{name}": Dense(value.std() * torch.randn_like(value) - value)
        for name, value in pipe.unet.named_parameters()
        if value.ndim >= 2
    }
    return Patch.made_on(pipe, deltas)


def test_a_patch_that_changes_nothing_scores_exactly_no_change(
    backbone: StableDiffusion, judges: Judges, tmp_path: Path
) -> None:
    out, inner = backbone.text.width, backbone.text.key_width
    nothing = Patch.made_on(backbone.pipe, {FC2: LowRank(torch.zeros(out, 1), torch.randn(1, inner))})
    case = judged(backbone, judges, tmp_path, nothing)
    changes = {row.metric: row.figure for row in case.rows}
    for metric in (
        "source forget", "source-to-destination", "neighbour damage", "hold-out delta", "hold-out change",
        "pixel change", "perceptual change",
    ):  # fmt: skip
        assert (changes[metric].value, changes[metric].low, changes[metric].high) == (0, 0, 0), metric
    assert changes["identical pictures"].value == 1
    assert changes["ratio deviation before"] == changes["ratio deviation after"]
    assert changes["attack success before"] == changes["attack success after"]
    assert case.verdict == "holds"
    assert all(item.before == item.after for item in case.items)


def test_a_patch_that_changes_nothing_scores_no_change_even_if_all_is_drawn_again(
    backbone: StableDiffusion, judges: Judges, tmp_path: Path
) -> None:
    """The keys' short cut is not what makes it so."""
    from contextlib import contextmanager

    class Nothing:
        hash = "a guard that does nothing"
        applied_to = staticmethod(contextmanager(lambda pipe: iter([pipe])))

    case = judged(backbone, judges, tmp_path, Nothing())
    assert all(item.before != item.after for item in case.items)
    assert case.row("identical pictures", "hold-outs").figure.value == 1
    assert case.row("hold-out change", "hold-outs").figure.value == 0


def test_random_weights_are_called_broken_whatever_they_forget(
    backbone: StableDiffusion, judges: Judges, tmp_path: Path
) -> None:
    before = backbone.unet.conv_in.weight.clone()
    case = judged(backbone, judges, tmp_path, noise(backbone.pipe))
    change = case.row("hold-out change", "hold-outs").figure
    assert change.value is not None
    assert change.value < -0.95
    assert case.row("source forget", "templates").figure.value == pytest.approx(1, abs=0.05)
    assert case.verdict == "broken"
    assert torch.equal(backbone.unet.conv_in.weight, before)


PLANS = tuple(
    Plan(model="tiny", method="emcid-copy", edits=(edit,), settings={"captions": 20})
    for edit in (EDIT, Edit(action="replace", source="cat", destination="hen"))
)


class Killed(Exception):
    pass


class Kill:
    """Hears of so many pictures, then the process is gone."""

    def __init__(self, after: int) -> None:
        self.left = after

    def task(self, name: str, total: int | None = None, unit: str = "it") -> Any:
        from contextlib import contextmanager

        @contextmanager
        def opened() -> Any:
            yield self.advance if unit == "image" and "drawing" in name else lambda *_, **__: None

        return opened()

    def advance(self, steps: float = 1, note: str = "") -> None:
        self.left -= int(steps)
        if self.left < 0:
            raise Killed


def without_seconds(result: Result) -> Any:
    return [case.model_copy(update={"seconds": {}}) for case in result.cases]


def count_drawn(backbone: StableDiffusion, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    drawn: list[tuple[str, int]] = []
    images = StableDiffusion.images

    def counting(self: Any, prompts: Any, seeds: Any, *more: Any, **named: Any) -> Any:
        drawn.extend(zip(prompts, seeds, strict=True))
        return images(self, prompts, seeds, *more, **named)

    monkeypatch.setattr(StableDiffusion, "images", counting)
    return drawn


@pytest.mark.parametrize("together", [False, True])
def test_killed_runs_end_as_unbroken_ones(
    backbone: StableDiffusion, judges: Judges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    specs = [
        Spec("one", "replacement", 1, (Part(PLANS[:1], probes()),), rows),
        Spec("two", "replacement", 2, (Part(PLANS, probes(), together=together),), rows),
    ]
    tiny = Suite("tiny", "a tiny suite", specs, judges)
    whole = Bench(backbone, "tiny", tmp_path / "whole", DRAWING).run(tiny)
    for after in (10, 9, 10):
        bench = Bench(backbone, "tiny", tmp_path / "killed", DRAWING, progress=Kill(after))
        with pytest.raises(Killed):
            bench.run(tiny)
    resumed = Bench(backbone, "tiny", tmp_path / "killed", DRAWING).run(tiny)
    assert resumed.complete
    assert without_seconds(resumed) == without_seconds(whole)
    assert Result.read(tmp_path / "killed" / "result.json") == resumed
    drawn = count_drawn(backbone, monkeypatch)
    again = Bench(backbone, "tiny", tmp_path / "killed", DRAWING).run(tiny)
    assert again == resumed
    assert drawn == []


def test_a_case_whose_pictures_are_gone_is_drawn_again(
    backbone: StableDiffusion, judges: Judges, tmp_path: Path
) -> None:
    case = judged(backbone, judges, tmp_path)
    key = case.items[0].before
    assert key is not None
    picture = tmp_path / "images" / key[:2] / f"{key}.png"
    drawn = picture.read_bytes()
    picture.write_bytes(drawn[:20])
    assert judged(backbone, judges, tmp_path).items == case.items
    picture.unlink()
    assert judged(backbone, judges, tmp_path).items == case.items
    assert picture.read_bytes() == drawn


def test_a_case_is_judged_again_where_its_methods_defaults_have_changed(
    backbone: StableDiffusion, judges: Judges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = PLANS[:1]
    first = judged(backbone, judges, tmp_path, plans=plans)
    assert judged(backbone, judges, tmp_path, plans=plans) == first
    copy = METHODS["emcid-copy"]
    other = replace(copy, defaults=lambda name, model: {**copy.defaults(name, model), "lambda": 1e9})
    monkeypatch.setattr("overpaint.methods.registry.METHODS", {**METHODS, "emcid-copy": other})
    assert judged(backbone, judges, tmp_path, plans=plans).patch != first.patch


def test_what_a_method_cannot_do_is_skipped_with_the_reason(
    backbone: StableDiffusion, judges: Judges, tmp_path: Path
) -> None:
    plan = PLANS[0].model_copy(update={"settings": {"no such setting": 1}})
    case = judged(backbone, judges, tmp_path, plans=(plan,))
    assert case.status == "skipped"
    assert "no such setting" in case.reason
    assert case.rows == ()


def test_a_safety_checker_is_refused(judges: Judges, tmp_path: Path) -> None:
    pipe = tiny_sd()
    pipe.safety_checker = object()
    with pytest.raises(OverpaintError, match="safety checker is on"):
        Bench(StableDiffusion(pipe), "tiny", tmp_path, DRAWING).run(suite(judges))
