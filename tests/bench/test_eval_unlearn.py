from __future__ import annotations

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from overpaint.bench.eval_unlearn import Emcid, Esd
from overpaint.errors import OverpaintError
from overpaint.patch import LowRank, Patch
from tests.models import tiny_sd

FC2 = "text_encoder.text_model.encoder.layers.0.mlp.fc2.weight"
GROUP = "eval_unlearn.techniques"


def entry_points() -> dict[str, EntryPoint]:
    project = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text())["project"]
    return {name: EntryPoint(name, value, GROUP) for name, value in project["entry-points"][GROUP].items()}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tiny_sd().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def patch(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pipe = tiny_sd()
    torch.manual_seed(0)
    width, inner = pipe.text_encoder.config.hidden_size, pipe.text_encoder.config.intermediate_size
    made = Patch.made_on(pipe, {FC2: LowRank(torch.randn(width, 2), torch.randn(2, inner))})
    return made.save(tmp_path_factory.mktemp("patch") / "patch.safetensors")


def test_the_entry_points_name_the_techniques() -> None:
    assert {name: point.load() for name, point in entry_points().items()} == {
        "overpaint_emcid": Emcid,
        "overpaint_esd": Esd,
    }


def test_a_technique_draws_with_its_patch_at_the_seeds_asked(model: Path, patch: Path) -> None:
    technique = Emcid(model_id=str(model), load_path=str(patch), device="cpu", num_inference_steps=1)
    first, second = technique.generate(["a dog", "a dog"], seed=3)
    (again,) = technique.generate(["a dog"], seed=4)
    assert np.abs(np.asarray(second, dtype=int) - np.asarray(again, dtype=int)).max() <= 1
    assert not np.array_equal(np.asarray(first), np.asarray(second))
    plain = tiny_sd()
    from overpaint.backbone.stable_diffusion import StableDiffusion

    (unedited,) = StableDiffusion(plain).images(["a dog"], [3], 1, 7.5)
    assert not np.array_equal(np.asarray(first), np.asarray(unedited))


def test_a_technique_erases_what_it_is_told(model: Path) -> None:
    settings = {"values": "copy", "captions": 20}
    technique = Emcid(
        model_id=str(model), erase_concept="pizza", anchor="dog", settings=settings, device="cpu", num_inference_steps=1
    )
    assert len(technique.generate(["a pizza"])) == 1


@pytest.mark.parametrize("words", [{}, {"erase_concept": "pizza", "load_path": "patch.safetensors"}])
def test_one_of_the_two_must_be_said(words: dict[str, Any]) -> None:
    with pytest.raises(OverpaintError, match="either erase_concept or load_path"):
        Esd(**words)


def test_the_harness_runs_them(model: Path, patch: Path, tmp_path: Path) -> None:
    """From its own registry of entry points, by the words of its own configuration files."""
    local = pytest.importorskip("eval_unlearn.registry.local", reason="eval-unlearn is not installed")
    from eval_unlearn.runners import SingleBenchmarkRunner
    from eval_unlearn.types import Dataset, MetricResult

    class Count:
        def __init__(self) -> None:
            self.seen = 0

        def load_dataset(self) -> list[Any]:
            return [Dataset(prompts=["a dog", "a cat"], metadata={"source": "by hand"})]

        def update(self, images: list[Any], prompts: list[str], metadata: dict[str, Any]) -> None:
            self.seen += sum(image.size == images[0].size for image in images)

        def compute(self) -> Any:
            return MetricResult(name="count", value=float(self.seen), details={})

    for name, point in entry_points().items():
        local.register_technique(name)(point.load())
    local.register_metric("count")(Count)
    config = {"model_id": str(model), "load_path": str(patch), "device": "cpu", "num_inference_steps": 1}
    for name in entry_points():
        report = SingleBenchmarkRunner(name, "count", config, {}, str(tmp_path / name), seed=3).run()
        assert report["metric_result"]["value"] == 2
        assert len(list((tmp_path / name).rglob("*.png"))) == 2
