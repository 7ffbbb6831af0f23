"""Jobs and pictures on a random model: what the pages' fake does not show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from overpaint.backbone.loading import backbone_of
from overpaint.backbone.parameters import resolve
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.errors import PatchError, PlanError
from overpaint.patch import LowRank, Patch
from overpaint.plan import Plan
from overpaint.runs import RunFolder
from overpaint.studio.board import Board, Stopped
from overpaint.studio.jobs import Jobs
from overpaint.studio.workbench import Layer, Workbench
from tests.models import tiny_sd

FC2 = "text_encoder.text_model.encoder.layers.0.mlp.fc2.weight"
SETTINGS = {"captions": 40}


@pytest.fixture(scope="module")
def pipe() -> Any:
    return tiny_sd()


@pytest.fixture(scope="module")
def bench(pipe: Any) -> Workbench:
    return Workbench(backbone_of(pipe), "emoji")


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One sampling step, no grader, no cache of others."""
    drawn: Any = StableDiffusion.sample

    def once(self: Any, prompts: Any, seeds: Any, steps: int = 1, *more: Any, **named: Any) -> Any:
        return drawn(self, prompts, seeds, 1, *more, **named)

    monkeypatch.setattr(StableDiffusion, "sample", once)
    monkeypatch.setattr("overpaint.cli.models.grader_for", lambda backbone: None)
    monkeypatch.setenv("OVERPAINT_CACHE", str(tmp_path / "cache"))


def copying(*names: str, **settings: Any) -> Plan:
    edits = [{"replace": name, "with": "hen"} for name in names]
    return Plan.parse({"method": "emcid-copy", "settings": {**SETTINGS, **settings}, "edits": edits})


def test_a_job_becomes_a_run_at_its_strength(bench: Workbench, tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    patches = []
    for strength in (1.0, 0.5):
        job = jobs.add(copying("dog"), "dog", strength)
        bench.carry_out(job, jobs.path(job.name), Board())
        run = RunFolder.open(jobs.path(job.name))
        assert run.finished
        assert run.picture_path.is_file()
        assert (run.path / "report.html").is_file()
        patches.append(Patch.load(run.patch_path))
    assert patches[0].scale(0.5).hash == patches[1].hash


def test_a_stopped_job_goes_on_and_ends_with_the_same_patch(bench: Workbench, tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    plan = copying("dog", "cat", "pizza", batch=1)
    whole = jobs.add(plan, "whole")
    bench.carry_out(whole, jobs.path(whole.name), Board())
    broken, board = jobs.add(plan, "broken"), StopAfter("Stage I", 2)
    with pytest.raises(Stopped):
        bench.carry_out(broken, jobs.path(broken.name), board)
    assert RunFolder.open(jobs.path(broken.name)).record["status"] == "stopped"
    kept = sorted((jobs.path(broken.name) / "bank").iterdir())
    assert kept
    times = [path.stat().st_mtime_ns for path in kept]
    bench.carry_out(broken, jobs.path(broken.name), Board())
    assert [path.stat().st_mtime_ns for path in kept] == times
    first, second = (Patch.load(jobs.path(job.name) / "patch.safetensors") for job in (whole, broken))
    assert first.hash == second.hash


def test_a_plan_that_does_not_fit_is_refused_before_any_work(bench: Workbench) -> None:
    bench.check(copying("dog"))
    with pytest.raises(PlanError, match="no setting"):
        bench.check(copying("dog", stepps=3))


def test_a_job_that_the_method_refuses_leaves_no_run(bench: Workbench, tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    job = jobs.add(Plan.parse({"method": "ablation", "edits": [{"erase": "dog"}]}), "dog")
    with pytest.raises(PlanError, match="no neutral word"):
        bench.carry_out(job, jobs.path(job.name), Board())
    assert [path.name for path in jobs.path(job.name).iterdir()] == ["job.json"]


def test_a_dry_run_counts_and_times_and_leaves_nothing(bench: Workbench, tmp_path: Path) -> None:
    assert bench.dry_run(copying("dog")).evaluations == 0
    found = [
        bench.dry_run(Plan.parse({"settings": {"steps": steps, "captions": 40}, "edits": [{"erase": "dog"}]}))
        for steps in (10, 10_000)
    ]
    assert found[1].evaluations > 100 * found[0].evaluations
    assert found[1].seconds > 0
    assert not list(tmp_path.iterdir())


def test_pictures_are_drawn_with_layers_and_the_model_is_as_it_was(bench: Workbench, pipe: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    paths = []
    for number in range(2):
        delta = LowRank(torch.randn(32, 1), torch.randn(1, 128))
        paths.append(Patch.made_on(pipe, {FC2: delta}, {}).save(tmp_path / f"{number}.safetensors"))
    asked = ["dog", "cat"], [0, 1]
    plain = pixels(bench.draw(*asked))
    mixed = pixels(bench.draw(*asked, [Layer(paths[0], 0.5), Layer(paths[1])]))
    by_hand = Patch.load(paths[0]).scale(0.5) + Patch.load(paths[1])
    with by_hand.applied_to(pipe):
        expected = pixels(bench.draw(*asked))
    assert (mixed != plain).any()
    assert np.abs(mixed - expected).max() <= 1  # the sum is rounded once, the stack twice
    assert (pixels(bench.draw(*asked, [Layer(paths[0], 0.0)])) == plain).all()
    assert (pixels(bench.draw(*asked)) == plain).all()


def test_a_patch_is_exported_as_others_read_it(bench: Workbench, pipe: Any, tmp_path: Path) -> None:
    torch.manual_seed(1)
    delta = LowRank(torch.randn(32, 2), torch.randn(2, 128))
    path = Patch.made_on(pipe, {FC2: delta}, {"model": "emoji"}).save(tmp_path / "patch.safetensors")
    before = resolve(pipe, FC2).clone()
    bench.export(path, "lora", tmp_path / "lora.safetensors")
    bench.export(path, "checkpoint", tmp_path / "checkpoint.safetensors")
    lora = load_file(tmp_path / "lora.safetensors")
    own = {name: t for name, t in lora.items() if ".fc2." in name}  # beside it what makes diffusers load it: zeros
    (down,), (up,) = ([t for name, t in own.items() if part in name] for part in ("lora_A", "lora_B"))
    assert torch.allclose(up @ down, delta.up @ delta.down, rtol=1e-4, atol=1e-4)
    name = "cond_stage_model.transformer." + FC2.removeprefix("text_encoder.")
    edited = load_file(tmp_path / "checkpoint.safetensors")[name]
    assert torch.allclose(edited, before + delta.up @ delta.down, rtol=1e-4, atol=1e-4)
    assert torch.equal(resolve(pipe, FC2), before)


def test_a_file_that_is_no_patch_is_refused(bench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "patch.safetensors"
    path.write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(PatchError, match="is a pickle"):
        bench.draw(["dog"], [0], [Layer(path)])


class StopAfter(Board):
    """Stops the work after so many steps of a task."""

    def __init__(self, name: str, steps: int) -> None:
        super().__init__()
        self._name, self._steps = name, steps

    def check(self) -> None:
        if any(bar.name.startswith(self._name) and bar.done >= self._steps for bar in self.bars()):
            self.stop()
        super().check()


def pixels(images: Any) -> Any:
    return np.stack([np.asarray(image, dtype=int) for image in images])
