"""The judge and the artist that know nothing of the package, and what is made of their figures."""

from __future__ import annotations

import importlib
import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from overpaint.bench.scores import mean
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.errors import OverpaintError
from overpaint.plan import Edit, Plan
from tests.models import tiny_sd

FOLDER = Path(__file__).parents[2] / "benchmarks"
COLOURS = ((220, 30, 30), (30, 220, 30), (30, 30, 220), (200, 200, 0))


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))


def renderings() -> tuple[np.ndarray, np.ndarray]:
    """Coloured discs, four of each colour."""
    y, x = np.mgrid[:64, :64] - 31.5
    rgba = np.zeros((16, 64, 64, 4), dtype=np.uint8)
    for row in range(16):
        disc = x**2 + y**2 < (14 + row) ** 2
        rgba[row][disc] = (*COLOURS[row % 4], 255)
    return rgba, np.arange(16, dtype=np.int16) % 4


def test_the_other_grader_learns_and_goes_on_where_it_was_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = importlib.import_module("other_grader")
    network = module.ConvMixer
    monkeypatch.setattr(module, "ConvMixer", lambda classes: network(classes, width=16, depth=1))
    rgba, concept = renderings()
    whole = module.train(rgba, concept, 60, 3, tmp_path / "whole.pt", lambda _: None)
    assert module.accuracy(whole, rgba, concept) == 1

    def stop(line: str) -> None:
        if line.startswith("epoch 20 of"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        module.train(rgba, concept, 60, 3, tmp_path / "stopped.pt", stop)
    resumed = module.train(rgba, concept, 60, 3, tmp_path / "stopped.pt", lambda _: None)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    images = [Image.fromarray(rgba[0, ..., :3]), Image.new("RGB", (64, 64))]
    torch.testing.assert_close(module.grade(whole, images).sum(dim=1), torch.ones(2))


def test_augmented_pictures_show_the_rendering_on_a_colour() -> None:
    module = importlib.import_module("other_grader")
    rgba, _ = renderings()
    found = module.augmented(torch.from_numpy(rgba), torch.Generator().manual_seed(0))
    assert found.shape == (16, 3, 64, 64)
    assert float(found.abs().max()) <= 1
    middle = (found[:, :, 28:36, 28:36].mean(dim=(2, 3)) + 1) / 2 * 255
    expected = torch.tensor([COLOURS[row % 4] for row in range(16)], dtype=torch.float32)
    assert (middle - expected).abs().max() < 40


def test_what_is_drawn_is_the_stock_pipelines_and_no_work_of_overpaint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = importlib.import_module("stock_draw")
    monkeypatch.setattr(module, "BATCH", 2)
    tiny_sd().save_pretrained(tmp_path / "model")
    requests = [["a dog", 1], ["a cat", 2], ["pizza", 3]]
    (tmp_path / "requests.json").write_text(json.dumps(requests))
    words = ["stock_draw.py", str(tmp_path / "model"), str(tmp_path / "requests.json"), str(tmp_path / "drawn")]
    monkeypatch.setattr(sys, "argv", [*words, "--steps", "1", "--guidance", "3"])
    with pytest.raises(SystemExit, match="overpaint was imported"):  # as these tests do
        module.main()
    pipe: Any = StableDiffusionPipeline.from_pretrained(tmp_path / "model", safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    sources = [torch.Generator().manual_seed(seed) for seed in (3, 3)]
    drawn = pipe(["pizza"] * 2, generator=sources, num_inference_steps=1, guidance_scale=3.0).images[0]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "drawn" / "2.png")), np.asarray(drawn))
    (tmp_path / "drawn" / "1.png").unlink()
    kept = (tmp_path / "drawn" / "0.png").stat().st_mtime_ns
    with pytest.raises(SystemExit):
        module.main()
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["0.png", "1.png", "2.png"]
    assert (tmp_path / "drawn" / "0.png").stat().st_mtime_ns == kept


def options(**more: Any) -> Namespace:
    return Namespace(**{"plan": None, "edits": 5, "seed": 11, "method": "emcid-copy", "set": [], **more})


def test_hidden_edits_go_by_their_seed_and_holdouts_are_in_none() -> None:
    module = importlib.import_module("independent")
    plan = module.planned(options())
    assert len(plan.edits) == 5
    assert plan.edits == module.planned(options()).edits
    assert plan.edits != module.planned(options(seed=12)).edits
    questions = list(module.asked(plan, 4, 11))
    groups = {q.group: sum(p.group == q.group for p in questions) for q in questions}
    per_edit = len(plan.edits[0].prompts)
    assert groups == {"templates": 2 * 5 * per_edit, "free form": 2 * 5 * len(module.SENTENCES), "hold-outs": 2 * 4 * 2}
    mentioned = {phrase for edit in plan.edits for phrase in edit.phrases}
    assert not mentioned & {q.unit for q in questions if q.group == "hold-outs"}
    for edited, base in zip(questions[::2], questions[1::2], strict=True):
        assert (edited.model, base.model, edited.seed, edited.wanted) == ("edited", "base", base.seed, base.wanted)
    assert questions[0].wanted in questions[1].prompt
    assert questions[0].wanted not in questions[0].prompt


def test_renderings_of_another_vocabulary_are_refused(tmp_path: Path) -> None:
    module = importlib.import_module("independent")
    with pytest.raises(OverpaintError, match="--only render"):
        module.rendered(tmp_path)
    rgba, concept = renderings()
    np.savez(tmp_path / "pictures.npz", rgba=rgba, concept=concept)
    names = "".join(f"{one.emoji}\n" for one in Vocabulary.load().concepts)
    (tmp_path / "pictures.concepts").write_text(names, encoding="utf-8")
    assert module.rendered(tmp_path)[0].shape == rgba.shape
    (tmp_path / "pictures.concepts").write_text(names[2:], encoding="utf-8")
    with pytest.raises(OverpaintError, match="no renderings of the bundled vocabulary"):
        module.rendered(tmp_path)


def test_only_replacements_can_be_compared(tmp_path: Path) -> None:
    module = importlib.import_module("independent")
    path = Plan(edits=(Edit(action="erase", source="pizza"),)).write(tmp_path / "plan.yaml")
    with pytest.raises(OverpaintError, match="only replacements"):
        module.planned(options(plan=path))


def test_figures_from_outside_are_ratios_over_edits_and_holdouts(tmp_path: Path, capsys: Any) -> None:
    module = importlib.import_module("independent")
    plan = module.planned(options())
    questions = list(module.asked(plan, 4, 11))
    worth = {("templates", "edited"): 0.6, ("templates", "base"): 0.8, ("free form", "edited"): 0.4}
    worth |= {("free form", "base"): 0.8, ("hold-outs", "edited"): 0.81, ("hold-outs", "base"): 0.9}
    found = module.from_outside(questions, np.array([worth[q.group, q.model] for q in questions]))
    values = [found[group].value for group in ("templates", "free form", "hold-outs")]
    assert values == pytest.approx([0.75, 0.5, -0.1])
    assert found["hold-outs"].count == 4
    suite = {"templates": mean([0.78]), "free form": mean([0.56]), "hold-outs": mean([-0.1])}
    module.tell(found, suite, 0.97, tmp_path)
    kept = json.loads((tmp_path / "agreement.json").read_text())["figures"]
    assert {group: figure["agree"] for group, figure in kept.items()} == {
        "templates": True, "free form": False, "hold-outs": True
    }  # fmt: skip
    assert capsys.readouterr().out == (tmp_path / "table.md").read_text()
    module.tell(found, suite, 0.5, tmp_path)
    assert {
        figure["agree"] for figure in json.loads((tmp_path / "agreement.json").read_text())["figures"].values()
    } == {None}
    assert "too few to judge" in capsys.readouterr().out
