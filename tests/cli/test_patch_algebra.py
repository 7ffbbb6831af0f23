from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from overpaint.patch import LowRank, Patch
from tests.cli.conftest import FC2, Run, in_words


@pytest.fixture
def two(pipeline: Any, model: Path, tmp_path: Path) -> list[Path]:
    """Patches of one layer that read different inputs."""
    inner = pipeline.text_encoder.config.intermediate_size
    found = []
    for number in range(2):
        down = torch.zeros(1, inner)
        down[0, number] = 1
        delta = LowRank(torch.ones(pipeline.text_encoder.config.hidden_size, 1), down)
        patch = Patch.made_on(pipeline, {FC2: delta}, {"model": str(model), "method": f"m{number}"})
        found.append(patch.save(tmp_path / f"{number}.safetensors"))
    return found


def test_a_sum_and_a_patch_out_of_it(run: Run, two: list[Path], tmp_path: Path) -> None:
    total, left = tmp_path / "sum.safetensors", tmp_path / "left.safetensors"
    assert "hardly interfere" in run("patch", "add", *two, "--out", total).stderr
    a, b = map(Patch.load, two)
    assert Patch.load(total).hash == (a + b).hash
    run("patch", "remove", total, two[0], "--out", left)
    assert Patch.load(left).hash == b.hash
    assert "m0" in run("patch", "info", total).output
    result = run("patch", "remove", left, two[0], "--out", total, "--force", code=2)
    assert f"{two[0]}: is not in the sum" in result.stderr


def test_interference_is_told(run: Run, two: list[Path], patch_file: Path, tmp_path: Path) -> None:
    output = run("patch", "add", two[0], two[0], "--out", tmp_path / "sum.safetensors").stderr
    assert "interfere: in 1 common parameters they share 1.00 of their input" in " ".join(output.split())
    assert "+1.00" in output


def test_scale_and_diff(run: Run, two: list[Path], tmp_path: Path) -> None:
    half = tmp_path / "half.safetensors"
    run("patch", "scale", two[0], "0.5", "--out", half)
    assert Patch.load(half).hash == Patch.load(two[0]).scale(0.5).hash
    output = run("patch", "diff", two[0], half).output
    assert "0.5" in output
    assert "scale differs" in output
    assert "same changes" in run("patch", "diff", half, half).output


def test_mistakes_are_one_line(run: Run, two: list[Path], tmp_path: Path) -> None:
    for words in (
        ("add", two[0], "--out", tmp_path / "x.safetensors"),
        ("add", *two, "--out", tmp_path / "x.bin"),
        ("scale", two[0], "2", "--out", two[1]),
        ("remove", tmp_path / "missing", two[0], "--out", tmp_path / "x.safetensors"),
    ):
        assert run("patch", *words, code=2).stderr.count("error:") == 1
    assert not (tmp_path / "x.safetensors").exists()


def test_a_dry_run_says_what_would_be_kept_and_keeps_nothing(run: Run, two: list[Path], tmp_path: Path) -> None:
    total, left = tmp_path / "sum.safetensors", tmp_path / "left.safetensors"
    shown = run("patch", "add", *two, "--out", total, "--dry-run")
    assert "hardly interfere" in shown.stderr
    a, b = map(Patch.load, two)
    assert f"disk {(a + b).size / 1e6:,.1f} MB" in in_words(shown.stdout)
    assert "parameters that the patch changes 1" in in_words(shown.stdout)
    run("patch", "scale", two[0], "0.5", "--out", left, "--dry-run")
    run("patch", "add", *two, "--out", total)
    run("patch", "remove", total, two[0], "--out", left, "--dry-run")
    assert not left.exists()
    assert "is not in the sum" in run("patch", "remove", two[1], two[0], "--out", left, "--dry-run", code=2).stderr
