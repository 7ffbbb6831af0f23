"""The round trips of full-size models, on a small one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor


@pytest.fixture
def round_trips(script: Callable[[str], Any]) -> Any:
    return script("round_trips")


def test_every_file_comes_back_and_is_told(round_trips: Any, capsys: pytest.CaptureFixture[str]) -> None:
    round_trips.main(["--model", "tiny"])
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in capsys.readouterr().out.splitlines()][2:]
    assert [row[1] for row in rows] == ["folder", "checkpoint", "LoRA, diffusers", "LoRA, kohya"]
    assert all(row[2] == row[3] for row in rows[:2])
    assert all(int(row[2]) == int(row[3]) + int(row[4]) for row in rows[2:])
    assert all(int(row[4]) > 0 for row in rows[2:])


def test_another_tensor_is_found(round_trips: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = sys.modules["true_models"].MODELS["tiny"](torch.float32)
    write: Any = round_trips.write_checkpoint

    def wrong(pipe: Any, path: Path) -> Path:
        value: Tensor = pipe.unet.conv_in.weight.data
        kept = value.clone()
        value.zero_()
        written: Path = write(pipe, path)
        value.copy_(kept)
        return written

    monkeypatch.setattr(round_trips, "write_checkpoint", wrong)
    with pytest.raises(AssertionError, match="checkpoint"):
        list(round_trips.trips(pipe, tmp_path))
