"""Attacks through the bench: the same figures where nothing was changed, found once, told with what they found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.bench.attacks import Target, attacks_of
from overpaint.bench.attacks.embedding import EmbeddingInversion
from overpaint.bench.attacks.judged import CANDIDATES
from overpaint.bench.attacks.known import HOLD_OUTS
from overpaint.bench.drawing import Drawing
from overpaint.bench.probes import Probe, of_holdout
from overpaint.bench.results import Case, Result
from overpaint.bench.suites.attacks import Attacked, attack_spec, attacks_suite
from overpaint.bench.suites.cost import cost
from overpaint.bench.suites.run import RESULT, Bench
from overpaint.bench.suites.suite import Judges, Suite
from overpaint.errors import OverpaintError
from overpaint.patch import LowRank, Patch
from overpaint.report import write_report
from tests.bench.recall import GUIDANCE, STEPS, Recall
from tests.models import tiny_sd

FC2 = "text_encoder.text_model.encoder.layers.0.mlp.fc2.weight"
TARGET = Target(
    "hen", "erase:hen", "hen", aliases=("<b>biddy",), category="cat", translations=(("de", "Henne"),)
)  # fmt: skip
SMALL = ["pictures=2", "variants=2", "tokens=2", "steps=2", "candidates=3", "draws=2", "iterations=3"]
ATTACKS = attacks_of(budget=SMALL)
BATCH = 4
INVERSIONS = ("embedding inversion", "latent inversion")


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overpaint.bench.artist.default_batch", lambda *_: BATCH)


@pytest.fixture(scope="module")
def backbone() -> StableDiffusion:
    return StableDiffusion(tiny_sd(window=24))


@pytest.fixture(scope="module")
def judges(backbone: StableDiffusion) -> Judges:
    known = [Probe("", "", prompt, 5, (), "hen") for prompt in ("An image of hen", "hen")]
    return Judges(Recall(backbone, [*known, *of_holdout(HOLD_OUTS, "dog", ("{}",), 0)], spread=60))


def bench(backbone: StableDiffusion, out: Path, patch: Any = None) -> Bench:
    return Bench(backbone, "tiny", out, Drawing(STEPS, GUIDANCE), given=patch)


def suite(judges: Judges) -> Suite:
    state = Attacked((), (TARGET,), tuple(of_holdout(HOLD_OUTS, "dog", ("{}",), 0)))
    return attacks_suite([attack_spec("given/run", None, [state], ATTACKS, 3)], ATTACKS, judges, {})


def change(backbone: StableDiffusion, size: float) -> Patch:
    torch.manual_seed(0)
    out, inner = backbone.text.width, backbone.text.key_width
    return Patch.made_on(backbone.pipe, {FC2: LowRank(size * torch.randn(out, 1), torch.randn(1, inner))})


@pytest.fixture(scope="module")
def edited(backbone: StableDiffusion, judges: Judges, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Case]:
    out = tmp_path_factory.mktemp("edited")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("overpaint.bench.artist.default_batch", lambda *_: BATCH)
        return out, bench(backbone, out, change(backbone, 1.0)).run(suite(judges)).cases[0]


def test_every_attack_has_figures_before_and_after(edited: tuple[Path, Case]) -> None:
    _, case = edited
    for attack in ATTACKS:
        for when in ("before", "after"):
            figure = case.row(f"attack success {when}", attack.name).figure
            assert figure.value is not None
            assert figure.count == 1
        has_control = any(
            (row.metric, row.group) == ("attack success of the control", attack.name) for row in case.rows
        )
        assert has_control == (attack.name in INVERSIONS)
    assert case.row("noise length after", "latent inversion").figure.count == 1
    assert case.row("P(source) in them", "pictures given").figure.count == 1
    assert case.settings["attacks"]["token search"]["tokens"] == 2
    assert case.seconds["attacks"] > 0
    assert case.verdict != "unknown"


def test_adaptive_attacks_find_something_else_in_another_model(edited: tuple[Path, Case]) -> None:
    out, case = edited
    searched = [item for item in case.items if item.group == "token search"]
    assert len(searched) == 2
    assert all(item.prompt == "[found words] An image of hen" for item in searched)
    assert all(item.found[when].endswith(" An image of hen") for item in searched for when in ("before", "after"))
    losses = searched[0].scores["noise loss"]
    assert losses.before != losses.after
    for item in case.items:
        for key in (item.before, item.after):
            assert key is None or Result.read(out / RESULT).image(out / RESULT, key).is_file()


def test_a_second_run_finds_all_notes_and_gives_the_same(
    edited: tuple[Path, Case], backbone: StableDiffusion, judges: Judges, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, case = edited
    (out / RESULT).unlink()
    monkeypatch.setattr(EmbeddingInversion, "attempts", None)
    again = bench(backbone, out, change(backbone, 1.0)).run(suite(judges)).cases[0]
    assert again.model_copy(update={"seconds": {}}) == case.model_copy(update={"seconds": {}})


def test_a_patch_that_changes_nothing_resists_nothing(
    backbone: StableDiffusion, judges: Judges, tmp_path: Path
) -> None:
    case = bench(backbone, tmp_path, change(backbone, 0.0)).run(suite(judges)).cases[0]
    for attack in ATTACKS:
        before, after = (case.row(f"attack success {when}", attack.name).figure for when in ("before", "after"))
        assert before == after
    assert all(item.before == item.after for item in case.items if item.after)
    assert case.verdict == "holds"


def test_the_page_shows_what_was_found_and_escapes_names(edited: tuple[Path, Case]) -> None:
    out, case = edited
    page, _ = write_report(out)
    text = page.read_text(encoding="utf-8")
    assert "Attack: token search" in text
    found = next(item.found["after"] for item in case.items if item.group == "token search")
    assert f"“{found}”" in text
    assert "<b>biddy" not in text


def test_the_price_is_told_beforehand(backbone: StableDiffusion, judges: Judges, tmp_path: Path) -> None:
    found = cost(bench(backbone, tmp_path), suite(judges), timed=False)
    times = {attack: 3 if attack.controlled else 2 for attack in ATTACKS}
    looking = [attack for attack in ATTACKS if attack.adaptive]
    given = CANDIDATES * max(attack.pictures for attack in looking)
    pictures = sum(attack.pictures * count for attack, count in times.items())
    searched = sum(attack.work.evaluations * count for attack, count in times.items())
    assert found.work.pictures == 2 * 1 + given + pictures
    controls = sum(attack.pictures for attack in ATTACKS if attack.controlled)
    asked = sum(attack.pictures for attack in ATTACKS)
    batches = sum(-(-count // BATCH) for count in (1, given, asked, asked + 1, controls))
    assert found.work.evaluations == 2 * STEPS * BATCH * batches + searched
    assert found.work.trained == sum(attack.work.trained * count for attack, count in times.items()) > 0
    assert found.seconds is None


def test_somebody_must_judge() -> None:
    with pytest.raises(OverpaintError, match="say --grader"):
        attacks_suite([], ATTACKS, Judges(), {})
