from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.cli.app import app
from overpaint.patch import LowRank, Patch
from tests.models import tiny_sd

Run = Callable[..., Result]
FC2 = "text_encoder.text_model.encoder.layers.0.mlp.fc2.weight"


@pytest.fixture
def run() -> Run:
    """``run("erase", "pizza", ...)``: the command line, in this process; an unexpected exception is raised here."""

    def call(*words: Any, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return call


@pytest.fixture(scope="session")
def pipeline() -> Any:
    """A random pipeline of the bundled model's family, which draws tiny pictures."""
    return tiny_sd()


@pytest.fixture(scope="session")
def model(pipeline: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder."""
    folder = tmp_path_factory.mktemp("model")
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def patch_file(pipeline: Any, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A patch on it that changes every prompt's states."""
    torch.manual_seed(0)
    out, inner = pipeline.text_encoder.config.hidden_size, pipeline.text_encoder.config.intermediate_size
    delta = LowRank(torch.randn(out, 1), torch.randn(1, inner))
    provenance = {"model": str(model), "method": "by hand", "plan": {"edits": [{"erase": "[red]pizza[/red]"}]}}
    path = tmp_path_factory.mktemp("patch") / "patch.safetensors"
    return Patch.made_on(pipeline, {FC2: delta}, provenance).save(path)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("OVERPAINT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sampling step whatever is asked for: what is drawn does not matter here."""
    drawn: Any = StableDiffusion.sample

    def sample(self: Any, prompts: Any, seeds: Any, steps: int = 20, *more: Any, **named: Any) -> Any:
        return drawn(self, prompts, seeds, 1, *more, **named)

    monkeypatch.setattr(StableDiffusion, "sample", sample)
