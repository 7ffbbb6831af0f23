from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from overpaint.backbone.loading import backbone_of, load
from overpaint.patch import Patch
from overpaint.studio.workbench import Form, Workbench
from tests.cli.conftest import Run
from tests.models import tiny_sd

WORDS: dict[Form, tuple[str, ...]] = {"lora": ("export",), "checkpoint": ("apply", "--format", "checkpoint")}


def content(path: Path) -> tuple[dict[str, tuple[torch.dtype, bytes]], dict[str, str]]:
    """Tensors by name with their types, and the header."""
    with safe_open(str(path), framework="pt") as file:
        header = dict(file.metadata())
    tensors = load_file(path)
    return {name: (t.dtype, t.reshape(-1).view(torch.uint8).numpy().tobytes()) for name, t in tensors.items()}, header


@pytest.mark.parametrize("form", WORDS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_the_studio_writes_the_file_that_the_command_line_writes(
    run: Run, patch_file: Path, tmp_path: Path, form: Form, dtype: torch.dtype
) -> None:
    model, typed, clicked = (tmp_path / name for name in ("model", "typed.safetensors", "clicked.safetensors"))
    tiny_sd().to(dtype).save_pretrained(model)
    pipe: Any = load(model, "cpu")
    Workbench(backbone_of(pipe), str(model)).export(patch_file, form, clicked)
    run("patch", *WORDS[form], patch_file, "--model", model, "--out", typed)
    assert content(clicked) == content(typed)
    tensors, header = content(clicked)
    assert {found for found, _ in tensors.values()} == {dtype if form == "checkpoint" else torch.float32}
    assert header["overpaint.patch"] == Patch.load(patch_file).hash
    assert header["overpaint.method"] == "by hand"
    assert header["overpaint.model"] == Patch.load(patch_file).provenance["model"]
    assert ("overpaint.error" in header) == (form == "lora")
