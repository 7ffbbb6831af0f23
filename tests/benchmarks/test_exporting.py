"""What storing, applying and exporting a patch takes, on a small model."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from overpaint.backbone.parameters import named_parameters, resolve
from overpaint.patch import Patch

RANK = 4


@pytest.fixture
def exporting(script: Callable[[str], Any]) -> Any:
    return script("exporting")


def model(dtype: torch.dtype = torch.float32) -> Any:
    return sys.modules["true_models"].MODELS["tiny"](dtype)


def test_every_step_is_told_and_only_those_that_write_have_a_size(
    exporting: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    exporting.main(["--model", "tiny", "--rank", str(RANK)])
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in capsys.readouterr().out.splitlines()][2:]
    assert [row[0] for row in rows] == ["emcid"] * 12 + ["uce"] * 12
    assert [row[1] for row in rows[:4]] == ["save the patch", "load it", "check that it fits", "apply it"]
    for row in rows:
        writes = row[1].startswith(("save", "LoRA", "checkpoint", "diffusers folder"))
        assert bool(row[4]) == writes
    exact = [row[1] for row in rows if row[1].startswith("LoRA, exact")]
    assert len(exact) == 4
    assert all(step.endswith("(misses 0.0%)") for step in exact)


def left_out(pipe: Any, patch: Patch) -> float:
    """The share of all changes' norm that lies behind their largest singular values."""
    values = [torch.linalg.svdvals(delta.of(resolve(pipe, name).detach())) for name, delta in patch.deltas.items()]
    missed, whole = (sum(float(v[first:].square().sum()) for v in values) for first in (RANK, 0))
    return (missed / whole) ** 0.5


@pytest.mark.parametrize("kind", ["emcid", "uce"])
def test_a_cut_lora_misses_what_lies_behind_the_largest_singular_values(
    exporting: Any, tmp_path: Path, kind: str
) -> None:
    pipe = model()
    steps = [step for step, *_ in exporting.measured(pipe, kind, tmp_path, RANK)]
    missed = left_out(pipe, Patch.load(tmp_path / "patch.safetensors"))
    assert 0.1 < missed < 1
    assert f"LoRA, rank {RANK}, diffusers (misses {missed:.1%})" in steps


def test_files_are_as_large_as_their_numbers_and_the_model_stays_as_it_was(exporting: Any, tmp_path: Path) -> None:
    sizes = {}
    for dtype in (torch.float32, torch.float16):
        pipe = model(dtype)
        before = {name: value.detach().clone() for name, value in named_parameters(pipe).items()}
        folder = tmp_path / str(dtype)
        folder.mkdir()
        sizes[dtype] = {step: size for step, _, _, size in exporting.measured(pipe, "emcid", folder, RANK)}
        assert all(torch.equal(before[name], value) for name, value in named_parameters(pipe).items())
        bytes_of_all = sum(value.numel() * value.element_size() for value in before.values())
        for step in ("checkpoint", "diffusers folder"):
            assert bytes_of_all <= sizes[dtype][step] < 1.1 * bytes_of_all + 300_000
    patch = exporting.made(model(), "emcid")
    numbers = sum(delta.value.numel() for delta in patch.deltas.values())
    assert sizes[torch.float32]["save the patch"] == pytest.approx(4 * numbers, abs=4000)
    files = {step.partition(" (")[0]: size for step, size in sizes[torch.float32].items()}
    cut, whole = (files[f"LoRA, {rank}, kohya"] for rank in (f"rank {RANK}", "exact"))
    per_rank = sum(sum(delta.shape) for delta in patch.deltas.values())
    width = min(min(delta.shape) for delta in patch.deltas.values())
    assert whole - cut == pytest.approx(4 * per_rank * (width - RANK), abs=200)
