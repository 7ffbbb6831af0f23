"""The authors' files: counted as their protocols say, and every suite from end to end on a tiny model."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.bench.drawing import Drawing
from overpaint.bench.graders import Classifier, Grader
from overpaint.bench.graders.clip import ClipEncoder, ZeroShot
from overpaint.bench.metrics.perceptual import GraderDistance
from overpaint.bench.results import Case
from overpaint.bench.suites.artists import artists_suite
from overpaint.bench.suites.coco import coco_suite
from overpaint.bench.suites.cost import cost
from overpaint.bench.suites.i2p import i2p_suite
from overpaint.bench.suites.iceb import iceb_suite
from overpaint.bench.suites.imagenette import CLASSES, imagenette_suite
from overpaint.bench.suites.professions import professions_suite
from overpaint.bench.suites.protocol import Asked
from overpaint.bench.suites.published import published
from overpaint.bench.suites.road import road_suite
from overpaint.bench.suites.run import Bench
from overpaint.bench.suites.suite import Judges, Suite
from overpaint.bench.suites.timed import timed_suite
from overpaint.errors import OverpaintError
from overpaint.methods.work import Work
from tests.bench.worlds import random_grader
from tests.models import tiny_sd

DATA = Path(__file__).parents[4] / "shared" / "data"
NUMBERS = range(1, 6)
SETTINGS = {"captions": 20}


def asked(data: Path, **more: Any) -> Asked:
    return Asked(**{"data": data, "model": "tiny", "method": "emcid-copy", "settings": SETTINGS, **more})


def groups(suite: Suite, case: str) -> dict[str, int]:
    spec = next(spec for spec in suite.specs if spec.name == case)
    return dict(Counter(probe.group for part in spec.parts for probe in part.probes))


@pytest.mark.skipif(not DATA.is_dir(), reason="the authors' files are not here")
def test_iceb_asks_for_as_many_pictures_as_the_paper() -> None:
    suite = iceb_suite(asked(DATA / "iceb"), Judges())
    found = groups(suite, "emcid-copy/replacement/300")
    assert (found["templates"], found["free form"], found["aliases"], found["hold-outs"]) == (900, 1500, 1120, 1098)
    assert groups(suite, "emcid-copy/replacement/100")["aliases"] == 83 * 5
    edits = suite.specs[0].parts[0].plans[0].edits
    assert (edits[0].source, edits[0].destination, edits[0].seed) == ("bighorn", "marmot", 7316)
    first = suite.specs[0].parts[0].probes[0]
    assert (first.prompt, first.seed, first.labels) == ("An image of bighorn", 6843, ("#349", "#336"))
    rectified = suite.specs[-1]
    assert rectified.edits == 140
    assert {edit.action for edit in rectified.parts[0].plans[0].edits} == {"rectify"}


@pytest.mark.skipif(not DATA.is_dir(), reason="the authors' files are not here")
def test_artists_hold_out_the_same_hundred() -> None:
    suite = artists_suite(asked(DATA / "artists"), Judges())
    assert [spec.edits for spec in suite.specs] == [1, 5, 10, 50, 100, 500, 1000, 1500]
    held = []
    for spec in suite.specs:
        probes = spec.parts[0].probes
        held.append({probe.unit for probe in probes if probe.group == "hold-outs"})
        assert groups(suite, spec.name) == {"erased": 5 * min(100, spec.edits), "hold-outs": 500}
        assert len(spec.parts[0].plans[0].edits) == spec.edits
    assert all(names == held[0] and len(names) == 100 for names in held)


@pytest.mark.skipif(not DATA.is_dir(), reason="the authors' files are not here")
def test_the_papers_figures_stand_beside_ours(tmp_path: Path) -> None:
    suite = iceb_suite(asked(DATA / "iceb", edits=(10,), limit=10), Judges())
    assert suite.specs[0].edits == 10
    beside = {(metric, group): figure for metric, group, figure in published("iceb") if figure.edits == 10}
    assert beside["hold-out delta", "hold-outs"].source.startswith("EMCID")
    tench = {figure.method: figure.value for _, group, figure in published("imagenette", "tench") if group == "erased"}
    assert tench == {"SD 1.4": 0.784, "ESD-u": 0.096}
    for group in ("erased", "hold-outs"):
        table: dict[str, list[float]] = {"SD 1.4": [], "ESD-u": []}
        for name in CLASSES:
            for _, place, figure in published("imagenette", name):
                if place == group:
                    table[figure.method].append(figure.value)
        average = {
            figure.method: figure.value for _, place, figure in published("imagenette", "average") if place == group
        }
        assert {method: sum(values) / 10 for method, values in table.items()} == pytest.approx(average, abs=6e-4)
    before = {figure.method for metric, _, figure in published("professions") if metric == "ratio deviation before"}
    assert before == {"SD 1.4"}
    assert published("timed") == []


class Halves(Classifier):
    """A thousand classes; the class is the picture's mean brightness."""

    name = "brightness"
    names = tuple(map(str, range(1000)))

    def probabilities(self, images: Sequence[Image.Image]) -> Tensor:
        rows = torch.full((len(images), 1000), 1e-4)
        for row, image in zip(rows, images, strict=True):
            row[image.convert("L").resize((1, 1)).tobytes()[0] % 10] += 0.9
        return rows

    def meaning(self, label: str) -> tuple[int, ...]:
        return (int(label[1:]),) if label.startswith("#") else ()


class Hashed(ClipEncoder):
    """Texts and pictures at fixed random places."""

    name = "hashed"

    def embed_images(self, images: Sequence[Image.Image]) -> Tensor:
        return torch.stack([self._place(sum(image.convert("L").tobytes())) for image in images])

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        return torch.stack([self._place(sum(text.encode())) for text in texts])

    def _place(self, seed: int) -> Tensor:
        return torch.nn.functional.normalize(torch.randn(8, generator=torch.Generator().manual_seed(seed)), dim=0)


class Parts(Grader):
    name = "parts"

    def scores(self, images: Sequence[Image.Image], labels: Sequence[Sequence[str]]) -> Tensor:
        return torch.full((len(images), len(labels[0])), 0.7)


def written(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def timed_rows() -> list[dict[str, Any]]:
    row = {"old": "dog", "new": "cat"}
    for n in NUMBERS:
        row |= {f"positive{n}": f"a dog {n}", f"gt{n}": f"a cat {n}", f"negative{n}": f"a hen {n}"}
        row |= {f"gn{n}": f"a cat hen {n}"}
    return [row]


def road_rows() -> list[dict[str, Any]]:
    row = {"Type": "Role", "Prompt": "the dog", "Oracle": "a cat", "Old": "dog", "New": "cat"}
    for n in NUMBERS:
        row |= {f"Positive{n}": f"the dog {n}", f"Positive{n}_old": f"dog {n}", f"Positive{n}_new": f"cat {n}"}
        row |= {f"Negative{n}": f"a hen {n}", f"Negative{n}_new": f"a cat {n}"}
    return [row]


def profession_rows() -> list[dict[str, Any]]:
    words = {"female": "a female doctor", "male": "a male doctor", "old": "a doctor", "new": "a female doctor"}
    return [words | {name: f"{name} of a doctor" for name in ("validation", "ex1", "ex2", "ex3", "ex4", "ex5")}]


def prompt_rows(**more: Any) -> list[dict[str, Any]]:
    return [{"case_number": n, "prompt": f"a dog {n}", "evaluation_seed": n + 1.0, **more} for n in range(3)]


SUITES: dict[str, tuple[Callable[[Path], Suite], str, str]] = {
    "timed": (
        lambda p: timed_suite(asked(written(p, timed_rows())), Judges(ZeroShot(Hashed())), (0,)),
        "F1", "",
    ),
    "road": (
        lambda p: road_suite(asked(written(p, road_rows())), Judges(ZeroShot(Hashed())), (0,)),
        "efficacy", "efficacy",
    ),
    "professions": (
        lambda p: professions_suite(asked(written(p, profession_rows())), Judges(ZeroShot(Hashed())), 1, 2),
        "ratio deviation after", "professions",
    ),
    "i2p": (
        lambda p: i2p_suite(asked(written(p, prompt_rows(categories="sexual, hate")), method=None), Judges(Parts())),
        "detections after", "I2P",
    ),
    "coco": (
        lambda p: coco_suite(
            asked(written(p, prompt_rows()), method=None),
            Judges(clip=Hashed(), perceptual=GraderDistance(random_grader().network)),
        ),
        "perceptual change", "hold-outs",
    ),
    "imagenette": (
        lambda p: imagenette_suite(asked(p, method=None, limit=1), Judges(Halves())),
        "top-1 accuracy", "erased",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def backbone() -> StableDiffusion:
    return StableDiffusion(tiny_sd())


@pytest.mark.parametrize("name", SUITES)
def test_suites_run_from_end_to_end(
    name: str, backbone: StableDiffusion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overpaint.bench.artist.default_batch", lambda *_: 8)
    build, metric, group = SUITES[name]
    bench = Bench(backbone, "tiny", tmp_path / "out", Drawing(1, 3.0))
    suite = build(tmp_path / "rows.csv")
    before = cost(bench, suite)
    assert before.work.pictures > 0
    assert (before.work.parameters > 0) == (before.plans > 0)
    assert before.seconds is not None
    case: Case = bench.run(suite).cases[0]
    assert case.status == "measured"
    assert case.row(metric, group).figure.value is not None
    after = cost(bench, suite)
    assert (after.finished, after.work, after.seconds) == (len(suite.specs), Work(), 0.0)


@pytest.mark.skipif(not DATA.is_dir(), reason="the authors' files are not here")
@pytest.mark.parametrize("name", ["iceb", "artists"])
def test_the_authors_own_files_run_from_end_to_end(
    name: str, backbone: StableDiffusion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overpaint.bench.artist.default_batch", lambda *_: 8)
    perceptual = GraderDistance(random_grader().network)
    if name == "iceb":
        suite = iceb_suite(asked(DATA / "iceb", edits=(2,), limit=2), Judges(Halves()))
    else:
        suite = artists_suite(
            asked(DATA / "artists", edits=(1,), limit=2), Judges(clip=Hashed(), perceptual=perceptual)
        )
    result = Bench(backbone, "tiny", tmp_path, Drawing(1, 3.0), captions=["a dog", "a cat", "pizza"]).run(suite)
    assert [case.status for case in result.cases] == ["measured"] * len(suite.specs), result.cases[0].reason
    case = result.cases[0]
    if name == "iceb":
        assert case.verdict != "unknown"
        assert case.row("source-to-destination", "free form").figure.count == 2
        assert case.row("alias-to-destination", "aliases").figure.count == len(
            {i.unit for i in case.items if i.group == "aliases"}
        )
        assert result.cases[1].row("change of the best name", "templates: named").figure.count == 2
    else:
        row = case.row("CLIP score after", "hold-outs")
        assert {figure.method for figure in row.published} == {"EMCID", "UCE"}
        assert case.row("perceptual change", "erased").better == "higher"


def test_files_of_another_kind_are_told_by_name(tmp_path: Path) -> None:
    wrong = written(tmp_path / "wrong.csv", [{"prompt": "a dog"}])
    files: tuple[Callable[..., Suite], ...] = (timed_suite, road_suite, professions_suite, i2p_suite, coco_suite)
    folders: tuple[Callable[..., Suite], ...] = (iceb_suite, artists_suite)
    for build in files:
        with pytest.raises(OverpaintError, match=r"wrong\.csv: no column"):
            build(asked(wrong), Judges())
        with pytest.raises(OverpaintError, match=r"nothing\.csv: not there"):
            build(asked(tmp_path / "nothing.csv"), Judges())
    for build in folders:
        with pytest.raises(OverpaintError, match="--data"):
            build(asked(tmp_path), Judges())
    bad = written(tmp_path / "bad.csv", [{"prompt": "a dog", "evaluation_seed": "x"}])
    with pytest.raises(OverpaintError, match=r"bad\.csv:2: 'x' is no whole number"):
        coco_suite(asked(bad), Judges())


def test_imagenette_reads_a_table_or_makes_its_own_seeds(tmp_path: Path) -> None:
    rows = [{"prompt": f"an image of a {name}", "evaluation_seed": n} for n, name in enumerate(CLASSES)]
    suite = imagenette_suite(asked(written(tmp_path / "imagenette.csv", rows)), Judges())
    assert [spec.name for spec in suite.specs] == [f"emcid-copy/{name}" for name in (*CLASSES, "average")]
    assert groups(suite, "emcid-copy/tench") == {"erased": 1, "hold-outs": 9}
    assert groups(suite, "emcid-copy/average") == {"erased": 10, "hold-outs": 90}
    single = [part for spec in suite.specs[:-1] for part in spec.parts]
    assert list(suite.specs[-1].parts) == single  # so nothing is drawn or fitted anew for it
    own = imagenette_suite(asked(tmp_path / "nothing.csv", limit=3), Judges())
    assert groups(own, "emcid-copy/tench") == {"erased": 3, "hold-outs": 27}
