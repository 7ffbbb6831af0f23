"""The stages of the full-size check, on a small model and in one process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from overpaint.errors import OverpaintError
from overpaint.patch import Patch


@pytest.fixture
def full_size(script: Callable[[str], Any]) -> Any:
    return script("full_size")


def test_every_stage_is_measured_and_what_was_written_is_read_back(
    full_size: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(full_size, "apart", lambda action, name, asked: action(name, asked))
    monkeypatch.setattr(full_size.tempfile, "TemporaryDirectory", lambda: Kept(tmp_path))
    full_size.main(["--model", "tiny", "--concepts", "3", "--captions", "6"])
    rows = [line.strip("|").split("|") for line in capsys.readouterr().out.splitlines()][2:]
    assert [row[0].strip() for row in rows] == list(full_size.STAGES)
    written = {row[0].strip(): row[5].strip() for row in rows}
    assert {stage for stage, size in written.items() if size} == {"uce", "emcid", "esd", "save"}
    assert all(float(row[3]) > 0 and float(row[4]) >= 1 for row in rows)
    patches = {name: Patch.load(tmp_path / f"{name}.safetensors") for name in full_size.PLANS}
    components = {name: {key.partition(".")[0] for key in patch.deltas} for name, patch in patches.items()}
    assert components == {"uce": {"unet"}, "emcid": {"text_encoder"}, "esd": {"unet"}}
    (tmp_path / "fingerprint").write_text("another")
    with pytest.raises(OverpaintError, match="not what was written"):
        full_size._measured("reload", full_size.Asked(tmp_path, "float32", 3, 6))


class Kept:
    """A folder that is there already, and stays."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> str:
        return str(self.path)

    def __exit__(self, *raised: object) -> None:
        pass


def test_true_configurations_have_the_published_numbers_of_parameters(
    full_size: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = sys.modules["true_models"]
    monkeypatch.setattr(models, "_random", lambda module, dtype: module)
    counts = {
        name: sum(p.numel() for p in models.MODELS[name](None).unet.parameters()) for name in ("sd1", "sd2", "sdxl")
    }
    assert counts == {"sd1": 859_520_964, "sd2": 865_910_724, "sdxl": 2_567_463_684}
