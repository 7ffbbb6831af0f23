from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline

from overpaint.errors import OverpaintError
from overpaint.patch import Patch
from overpaint.runs import RunFolder
from tests.cli.conftest import FC2, Run
from tests.patch.examples import matrix_of
from tests.runs.examples import PLAN, provenance


def weight(pipe: Any) -> torch.Tensor:
    layers = getattr(pipe.text_encoder, "text_model", pipe.text_encoder).encoder.layers
    value: torch.Tensor = layers[0].mlp.fc2.weight.detach()
    return value


def test_the_copy_is_a_stock_pipeline_with_the_edit_in_it(
    run: Run, pipeline: Any, patch_file: Path, tmp_path: Path
) -> None:
    run("patch", "apply", patch_file, "--out", tmp_path / "copy")
    copy: Any = StableDiffusionPipeline.from_pretrained(tmp_path / "copy")
    delta = matrix_of(Patch.load(patch_file).deltas[FC2])
    assert torch.equal(weight(copy), (weight(pipeline).double() + delta).float())
    assert torch.equal(copy.unet.conv_in.weight, pipeline.unet.conv_in.weight)
    assert not list(tmp_path.glob("*.overpaint*"))


def test_scale_is_the_strength(run: Run, pipeline: Any, patch_file: Path, tmp_path: Path) -> None:
    run("patch", "apply", patch_file, "--out", tmp_path / "copy", "--scale", "0")
    assert torch.equal(weight(StableDiffusionPipeline.from_pretrained(tmp_path / "copy")), weight(pipeline))


@pytest.mark.parametrize("scale", ["nan", "inf", "-inf"])
def test_a_strength_that_is_no_number_is_refused_before_the_patch_is_read(run: Run, tmp_path: Path, scale: str) -> None:
    to = ("--out", tmp_path / "copy.safetensors")
    for command in ("apply", "export"):
        told = run("patch", command, "nowhere", *to, "--scale", scale, code=2).stderr
        assert told == f"error: --scale {scale}: not a finite number; write one, such as 0.5\n"
    told = run("patch", "scale", "nowhere", *to, "--", scale, code=2).stderr
    assert told == f"error: FACTOR {scale}: not a finite number; write one, such as 0.5\n"


def test_a_folder_with_other_things_is_left_alone(run: Run, patch_file: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    result = run("patch", "apply", patch_file, "--out", tmp_path, code=2)
    assert "not empty" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_copy_may_be_replaced_when_asked(run: Run, patch_file: Path, tmp_path: Path) -> None:
    for words in ((), ("--force",)):
        run("patch", "apply", patch_file, "--out", tmp_path / "copy", *words)
    assert (tmp_path / "copy" / "model_index.json").is_file()


def test_force_replaces_models_only(run: Run, patch_file: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    run("patch", "apply", patch_file, "--out", tmp_path, "--force", code=2)
    assert (tmp_path / "thesis.txt").is_file()


def test_info_says_what_is_in_it_without_obeying_names(run: Run, patch_file: Path) -> None:
    output = run("patch", "info", patch_file).output
    assert "erase [red]pizza[/red]" in " ".join(output.split())
    assert "by hand" in output
    assert "rank 1" in output
    assert Patch.load(patch_file).hash[:16] in output


@pytest.mark.parametrize("content", [None, b"", b"not safetensors"])
def test_what_is_no_patch_is_one_line(run: Run, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "patch.safetensors"
    if content is not None:
        path.write_bytes(content)
    assert run("patch", "info", path, code=2).stderr.count("error:") == 1
    assert run("patch", "info", tmp_path, code=2).stderr.count("error:") == 1


def test_a_run_that_failed_is_no_run_that_is_to_be_finished(run: Run, tmp_path: Path) -> None:
    def fail() -> None:
        with RunFolder.create(tmp_path / "run", PLAN, provenance()):
            raise OverpaintError("no captions; give some")

    with pytest.raises(OverpaintError):
        fail()
    for words in (("patch", "info"), ("patch", "apply", "--out", tmp_path / "copy"), ("generate", "a dog", "--patch")):
        told = run(*words, tmp_path / "run", code=2).stderr
        assert told.count("error:") == 1
        assert f"the run failed: no captions; give some; see {tmp_path / 'run' / 'log.txt'}" in told
    RunFolder.create(tmp_path / "run", PLAN, provenance()).close()
    assert "the run has no patch yet" in run("patch", "info", tmp_path / "run", code=2).stderr
