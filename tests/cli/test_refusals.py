"""What a run refuses is one line, told before there is a folder, and before a model is loaded where none is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from overpaint.backbone.loading import backbone_of
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.cli.models import open_pipeline
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--method", "emsid"), "did you mean 'emcid'"),
        (("--set", "stepps=3"), "did you mean 'steps'"),
        (("--set", "steps"), "key=value"),
        (("--kind", "objekt"), "did you mean 'object'"),
        (("--model", "nowhere"), "nowhere"),
        (("--preserve", "pizza"), "preserved"),
        (("--to", "pizza"), "becomes itself"),
        (("--captions", "nowhere.txt"), "nowhere.txt"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing_behind(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("erase", "pizza", "--model", model, "--out", "run", *words, code=2)
    assert message in result.stderr
    assert result.stderr.count("error:") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("erase", "pizza", "--set", "stepz=4"), "emcid has no setting 'stepz'; did you mean 'steps'"),
        (("replace", "dog", "hen", "--method", "esd-x"), "esd-x has no way to replace ('dog')"),
        (("erase", "dog", "--from", "hat", "--method", "sld"), "sld has no way to erase a concept from another one"),
    ],
)
def test_what_needs_no_model_is_told_before_it_is_loaded(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    def fail(*args: Any) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr("overpaint.cli.models.open_backbone", fail)
    assert message in run(*words, "--out", tmp_path / "run", code=2).stderr
    assert not (tmp_path / "run").exists()


LONG = " ".join(["dog"] * 90)


@pytest.mark.parametrize(
    ("method", "edits", "message"),
    [
        ("ablation", "{erase: dog}", "kind 'object' has no neutral word"),
        ("refact", "{erase: dog}", "kind 'object' has no neutral word"),
        ("sld", ", ".join(f"{{erase: {i} {LONG[:40]}}}" for i in range(10)), "the names of 10 edits do not fit"),
        ("emcid", "{rectify: dog, images: [broken.png]}", "is no readable picture of 'dog'"),
        ("emcid-copy", f"{{replace: dog, with: {LONG}}}", "text window"),
    ],
)
def test_a_plan_that_the_method_refuses_leaves_no_folder(
    run: Run, model: Path, tmp_path: Path, method: str, edits: str, message: str
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"method: {method}\nedits: [{edits}]\n")
    words = ("edit", plan, "--model", model, "--out", tmp_path / "run")
    refused = run(*words, code=2).stderr
    assert message in refused
    assert run(*words, "--dry-run", code=2).stderr == refused
    assert not (tmp_path / "run").exists()


def test_a_model_that_brings_no_captions_is_asked_for_some_before_there_is_a_folder(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overpaint.cli.models.open_backbone", lambda *_: of_another_family(model))
    words = ("replace", "dog", "hen", "--method", "emcid-copy", "--set", "blocks=[0]", "--out", tmp_path / "run")
    assert "emcid-copy: a model of family 'sd1' brings no captions" in run(*words, code=2).stderr
    assert not (tmp_path / "run").exists()


def of_another_family(model: Path) -> StableDiffusion:
    backbone = backbone_of(open_pipeline(str(model), "cpu"))
    assert isinstance(backbone, StableDiffusion)
    backbone.family = "sd1"
    return backbone
