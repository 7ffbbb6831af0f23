"""The notebooks are the same but for their first cell, and run on a random model of the same structure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from overpaint.backbone.stable_diffusion import StableDiffusion
from tests.models import tiny_sd

FOLDER = Path(__file__).parents[2] / "examples"
NOTEBOOKS = ("tour.ipynb", "tour-sd15.ipynb")


def cells(name: str) -> list[str]:
    book = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]


def test_one_cell_makes_the_difference() -> None:
    one, other = map(cells, NOTEBOOKS)
    assert one[1:] == other[1:]
    assert one[0] != other[0]


def test_they_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import overpaint

    pipe = tiny_sd()
    drawn: Any = StableDiffusion.sample
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(overpaint, "load", lambda model: pipe, raising=False)

    def once(self: Any, prompts: Any, seeds: Any, steps: int = 1, *more: Any, **named: Any) -> Any:
        return drawn(self, prompts, seeds, 1, *more, **named)

    monkeypatch.setattr(StableDiffusion, "sample", once)
    known: dict[str, Any] = {}
    setup, *rest = cells(NOTEBOOKS[1])
    for cell in (setup, *rest):
        exec(compile(cell, "notebook", "exec"), known)
    assert (tmp_path / "robots.safetensors").is_file()
