"""The stages of the full-size check, on a small model and in one process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from overpaint.errors import OverpaintError
from overpaint.formats.folder import write_folder
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
    *lines, _, met = capsys.readouterr().out.splitlines()
    rows = [line.strip("|").split("|") for line in lines[2:]]
    assert [row[0].strip() for row in rows] == list(full_size.STAGES)
    written = {row[0].strip(): row[6].strip() for row in rows}
    assert {stage for stage, size in written.items() if size} == {"uce", "emcid", "esd", "save"}
    assert [row[0].strip() for row in rows if row[4].strip()] == ["esd"]
    assert all(float(row[3]) > 0 and float(row[5]) > 0 for row in rows)
    assert met.startswith("The bar is met")
    patches = {name: Patch.load(tmp_path / f"{name}.safetensors") for name in full_size.PLANS}
    components = {name: {key.partition(".")[0] for key in patch.deltas} for name, patch in patches.items()}
    assert components == {"uce": {"unet"}, "emcid": {"text_encoder"}, "esd": {"unet"}}
    (tmp_path / "fingerprint").write_text("another")
    with pytest.raises(OverpaintError, match="not what was written"):
        full_size._measured("reload", full_size.Asked(tmp_path, "float32", 3, 6))


def test_a_stage_that_holds_more_than_the_bar_fails_the_script(
    full_size: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    peaks = {"load": 80, "draw": 100, "uce": 130, "emcid": 131, "esd": 259, "save": 101, "reload": 90}

    def measured(action: Any, name: str, asked: Any) -> Any:
        return full_size.Cost(1.0, 1.0, peaks.get(name, 0), 100 if name == "esd" else 0, 0)

    monkeypatch.setattr(full_size, "apart", measured)
    with pytest.raises(SystemExit) as ended:
        full_size.main([])
    assert ended.value.code == "the bar is missed: emcid: more than 1.3 of the pipeline's and optimiser's"
    rows = [line.strip("|").split("|") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [float(row[5]) for row in rows] == [0.8, 1.0, 1.3, 1.31, 1.29, 1.01, 0.9]
    full_size.main(["--stage", "uce", "--stage", "esd"])
    assert "The bar is met" in capsys.readouterr().out
    full_size.main(["--stage", "load"])
    assert "bar is" not in capsys.readouterr().out


def test_the_optimisers_part_is_what_is_trained_its_gradients_and_moments(full_size: Any) -> None:
    leaf = torch.zeros(100, requires_grad=True)
    with full_size.optimisers() as held:
        optimiser = torch.optim.Adam([leaf])
        leaf.sum().backward()
        optimiser.step()
    assert held[0] == pytest.approx(4 * leaf.nbytes, abs=8)  # Adam keeps the number of its steps, too
    before = held[0]
    optimiser.step()
    assert held[0] == before


def test_a_dry_run_counts_memory_and_disk_and_makes_nothing(
    full_size: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(full_size, "apart", None)
    full_size.main(["--model", "sd1", "--dry-run"])
    assert capsys.readouterr().out.count(" GB  ") == 4
    made = sys.modules["true_models"].MODELS["tiny"](torch.bfloat16)
    write_folder(made, tmp_path / "model")
    size = sum(file.stat().st_size for file in tmp_path.rglob("*.safetensors"))
    told = full_size.takes("tiny", torch.bfloat16)
    assert told["the model"] == pytest.approx(size, rel=0.05)  # without headers and buffers
    trained = sum(p.numel() for name, p in made.unet.named_parameters() if ".attn2." in name)
    assert told["what ESD trains, its gradients and moments"] == 4 * 4 * trained


class Kept:
    """A folder that is there already, and stays."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> str:
        return str(self.path)

    def __exit__(self, *raised: object) -> None:
        pass


def test_true_configurations_have_the_published_numbers_of_parameters(
    full_size: Any,
) -> None:
    models = sys.modules["true_models"]
    counts = {
        name: sum(p.numel() for p in models.MODELS[name](None).unet.parameters()) for name in ("sd1", "sd2", "sdxl")
    }
    assert counts == {"sd1": 859_520_964, "sd2": 865_910_724, "sdxl": 2_567_463_684}
