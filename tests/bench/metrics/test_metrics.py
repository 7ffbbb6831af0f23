"""Every metric on pairs whose scores are known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from overpaint.bench.drawing import Drawing
from overpaint.bench.metrics.attack import attack_success
from overpaint.bench.metrics.clip_score import clip_loss, clip_score
from overpaint.bench.metrics.detections import detections
from overpaint.bench.metrics.distribution import GraderFeatures, distribution_change, distribution_distance
from overpaint.bench.metrics.forget import source_forget, source_left
from overpaint.bench.metrics.gender import by_chance, ratio_deviation
from overpaint.bench.metrics.holdout import holdout_change, holdout_delta
from overpaint.bench.metrics.kept import background_kept, style_kept
from overpaint.bench.metrics.neighbours import Neighbourhood
from overpaint.bench.metrics.perceptual import GraderDistance, perceptual_change
from overpaint.bench.metrics.pixels import pixel_identity
from overpaint.bench.metrics.reach import ceiling, destination_share, source_to_destination
from overpaint.bench.metrics.wins import f1, win_rate
from overpaint.bench.pictures import Pictures, key
from overpaint.bench.probes import Probe
from overpaint.bench.sheet import Pair, Sheet
from tests.bench.graders.test_clip import COLOURS, ColourClip
from tests.bench.worlds import random_grader

Scores = tuple[float, ...] | None


def pair(unit: str, before: Scores, after: Scores, group: str = "g", prompt: str = "a prompt") -> Pair:
    labels = tuple(f"label {i}" for i in range(len(before or after or ())))
    return Pair(Probe(group, unit, prompt, 0, labels), "b" if before else None, "a" if after else None, before, after)


def sheet(*pairs: Pair) -> Sheet:
    return Sheet(pairs)


def test_units_count_once_however_often_they_are_drawn() -> None:
    found = sheet(
        pair("one", (0.9, 0.0), (0.1, 0.6)), pair("one", (0.7, 0.0), (0.1, 0.8)), pair("two", (0.4, 0.0), (0.4, 0.0))
    )
    forgotten = source_forget(found, "g", "me")
    assert (forgotten.figure.value, forgotten.figure.count) == (pytest.approx(0.35), 2)
    assert source_left(found, "g", "me").figure.value == pytest.approx(0.25)
    assert source_to_destination(found, "g", "me").figure.value == pytest.approx(0.35)
    assert forgotten.judge == "me"


def test_the_destination_is_measured_against_what_the_model_can_draw() -> None:
    best = Pair(Probe(ceiling("g"), "one", "", 0, ("label",)), "c", None, (0.8,), None)
    row = destination_share(sheet(pair("one", (0.9, 0.0), (0.0, 0.6)), best), "g", "", 0.7)
    assert row.figure.value == pytest.approx(0.75)
    assert row.met


def test_holdouts_lose_absolutely_and_relatively() -> None:
    found = sheet(pair("one", (0.8,), (0.4,)), pair("two", (0.4,), (0.4,)), pair("three", (math.nan,), (0.4,)))
    assert holdout_delta(found, "g", "").figure.value == pytest.approx(-0.2)
    change = holdout_change(found, "g", "").figure
    assert (change.value, change.count, change.missing) == (pytest.approx(-1 / 3, abs=1e-6), 2, 1)


def test_style_and_background_are_the_third_and_fourth_label() -> None:
    found = sheet(pair("one", (0.9, 0.0, 0.8, 0.5), (0.0, 0.9, 0.4, 0.5)))
    assert style_kept(found, "g", "").figure.value == pytest.approx(-0.5)
    assert background_kept(found, "g", "").figure.value == 0


def test_attacks_succeed_if_one_picture_does() -> None:
    found = sheet(pair("one", (0.9,), (0.2,)), pair("one", (0.9,), (0.7,)), pair("two", (0.9,), (0.1,)))
    before, after = attack_success(found, "g", "")
    assert (before.figure.value, after.figure.value, after.figure.count) == (1, 0.5, 2)


def test_a_ratio_deviates_from_what_was_wanted() -> None:
    votes = [(0.9, 0.1), (0.9, 0.1), (0.9, 0.1), (0.1, 0.9)]
    found = sheet(*(pair("doctor", vote, (0.6, 0.4) if n % 2 else (0.4, 0.6)) for n, vote in enumerate(votes)))
    before, after, chance = ratio_deviation(found, "g", "")
    assert (before.figure.value, after.figure.value) == (0.5, 0)
    # 0, 1, 2, 3 or 4 heads of four coins deviate by 1, 1/2, 0, 1/2, 1
    assert chance.figure.value == pytest.approx((1 + 4 / 2 + 0 + 4 / 2 + 1) / 16)
    before, *_ = ratio_deviation(found, "g", "", {"doctor": 0.75})
    assert before.figure.value == 0


def test_counting_alone_deviates_less_the_more_is_counted() -> None:
    rng = np.random.default_rng(0)
    for count, wanted in ((32, 0.5), (72, 0.5), (32, 0.2)):
        drawn = rng.binomial(count, wanted, size=200_000) / count
        assert by_chance(count, wanted) == pytest.approx(np.abs(drawn - wanted).mean() / wanted, rel=0.01)
    assert by_chance(32, 0.5) == pytest.approx(0.14, abs=0.001)


def test_seeds_of_one_word_are_averaged_before_words_are() -> None:
    units = {"doctor / 0": (0.9, 0.1), "doctor / 1": (0.9, 0.1), "doctor / 2": (0.9, 0.1)}
    pairs = [pair(unit, vote, vote) for unit, vote in units.items()]
    pairs += [pair("nurse / 0", vote, vote) for vote in ((0.9, 0.1), (0.1, 0.9))]
    before, *_ = ratio_deviation(sheet(*pairs), "g", "", word=lambda unit: unit.split(" / ")[0])
    assert (before.figure.value, before.figure.count) == (0.5, 2)
    alone, *_ = ratio_deviation(sheet(*pairs), "g", "")
    assert (alone.figure.value, alone.figure.count) == (0.75, 4)


def test_detections_count_each_label_once_a_picture() -> None:
    found = sheet(pair("1", (0.9, 0.3), (0.0, 0.0)), pair("2", (0.5, 0.0), (0.4, 0.0)), pair("3", (0.0, 0.0), None))
    rows = {row.metric: row.figure for row in detections(found, "g", "NudeNet")}
    assert (rows["detections before"].value, rows["detections after"].value) == (3, 1)
    assert rows["pictures with a detection before"].value == 2
    assert (rows["label 0 before"].value, rows["label 1 before"].value) == (2, 1)
    assert rows["detections after"].missing == 1
    assert rows["detections, relative change"].value == pytest.approx(-2 / 3, abs=1e-6)


def test_wins_and_their_harmonic_mean() -> None:
    found = sheet(
        pair("one", (0.2, 0.8), (0.9, 0.1), "changes"),
        pair("two", (0.2, 0.8), (0.6, 0.4), "changes"),
        pair("one", (0.9, 0.1), (0.9, 0.1), "stays"),
        pair("two", (0.9, 0.1), (0.1, 0.9), "stays"),
    )
    assert win_rate(found, "changes", "", "efficacy", "before").figure.value == 0
    assert win_rate(found, "changes", "", "generality").figure.value == 1
    assert win_rate(found, "changes", "", "at 0.75", margin=0.5).figure.value == 0.5
    assert f1(found, "changes", "stays", "").figure.value == pytest.approx(2 / 3, abs=1e-6)


@pytest.fixture
def drawn(tmp_path: Path) -> tuple[Sheet, Pictures]:
    """Red, green and blue as asked before; after, green has become blue."""
    pictures, pairs = Pictures(tmp_path), []
    for name, colour in COLOURS.items():
        keys = [key(when, name, 0, Drawing()) for when in ("before", "after")]
        pictures.write(keys[0], Image.new("RGB", (64, 64), colour))
        pictures.write(keys[1], Image.new("RGB", (64, 64), COLOURS["blue"] if name == "green" else colour))
        pairs.append(Pair(Probe("g", name, f"a {name}", 0, ()), keys[0], keys[1]))
    return Sheet(tuple(pairs)), pictures


def test_the_clip_score_falls_and_its_loss_ends_at_chance(drawn: tuple[Sheet, Pictures]) -> None:
    found, pictures = drawn
    before, after = clip_score(found, "g", pictures, ColourClip())
    assert before.figure.value == 100
    assert after.figure.value == pytest.approx(200 / 3)
    assert clip_loss(found, "g", pictures, ColourClip()).figure.value == pytest.approx(-1 / 3, abs=1e-6)


def test_only_changed_pictures_differ(drawn: tuple[Sheet, Pictures]) -> None:
    found, pictures = drawn
    same, change = pixel_identity(found, "g", pictures)
    assert same.figure.value == pytest.approx(2 / 3)
    assert change.figure.value == pytest.approx(2 * 255 / 3 / 3)
    distance = GraderDistance(random_grader().network)
    row = perceptual_change(found, "g", pictures, distance)
    assert row.figure.value is not None
    assert row.figure.value > 0
    assert row.judge == "emoji grader's features"
    images = pictures.read([str(pair.key_before) for pair in found.pairs])
    assert distance.distances(images, images).tolist() == [0, 0, 0]


def test_distributions_differ_as_their_pictures_do(drawn: tuple[Sheet, Pictures]) -> None:
    pytest.importorskip("torchmetrics", reason="torchmetrics is not installed")
    found, pictures = drawn
    features = GraderFeatures.of(random_grader().network)
    rng = np.random.default_rng(0)
    noise = [Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)) for _ in range(40)]
    dark = [Image.fromarray(np.asarray(image) // 3) for image in noise]
    near = [row.figure.value for row in distribution_distance("g", noise[:20], noise[20:], features)]
    far = [row.figure.value for row in distribution_distance("g", noise[:20], dark[20:], features)]
    assert all(a is not None and b is not None and b > a for a, b in zip(near, far, strict=True))
    assert far == [row.figure.value for row in distribution_distance("g", noise[:20], dark[20:], features)]
    same = Sheet(tuple(Pair(p.probe, p.key_before, p.key_before) for p in found.pairs))
    assert [row.figure.value for row in distribution_change(same, "g", pictures, features)] == [0, 0]


def test_neighbours_are_the_nearest_in_the_text_encoders_states() -> None:
    from overpaint.backbone.stable_diffusion import StableDiffusion
    from tests.models import tiny_sd

    text = StableDiffusion(tiny_sd()).text
    names = ["dog", "cat", "pizza", "kitchen", "hen"]
    found = Neighbourhood(text, names, "{}").nearest(["dog", "cat"], 2)
    assert "dog" not in found["dog"]
    states = text.pooled(text.encode(names), text.tokenize(names))
    cosines = {
        name: float((states[0] @ states[i]) / (states[0].norm() * states[i].norm()))
        for i, name in enumerate(names)
        if i
    }
    assert found["dog"] == tuple(sorted(cosines, key=lambda name: -cosines[name])[:2])
    left = Neighbourhood(text, names, "{}").nearest(["dog"], 2, {"dog", found["dog"][1], "hen"})
    assert left["dog"] == tuple(sorted({found["dog"][1], "hen"} - {"dog"}, key=lambda name: -cosines[name]))
    assert Neighbourhood(text, []).nearest(["dog"]) == {"dog": ()}
