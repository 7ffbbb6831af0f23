"""Guards are made, kept and used by the same commands as patches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from overpaint.guards import Guard
from overpaint.runs import RunFolder
from tests.cli.conftest import Run


def test_a_guard_goes_through_its_life_on_the_command_line(run: Run, model: Path, tmp_path: Path) -> None:
    work = tmp_path / "run"
    words = ("moderate", "hens", "--member", "a cat", "--method", "sld-max", "--model", model, "--out", work)
    made = run(*words)
    assert "moderate hens, a cat" in made.output
    folder = RunFolder.open(work)
    assert folder.finished
    assert folder.picture_path.is_file()
    assert Guard.load(folder.patch_path).rule.concept == "hens, a cat"
    assert "nothing to do" in run(*words).output

    picture = tmp_path / "grid.png"
    run("generate", "a cat", "--patch", work, "--compare", "--out", picture)
    assert picture.is_file()
    assert "sld" in run("patch", "info", work).output

    for words_, says in (
        (("patch", "apply", work, "--out", tmp_path / "copy"), "is a guard"),
        (("generate", "a cat", "--patch", work, "--scale", "0.5", "--out", picture), "no strength"),
    ):
        refused = run(*words_, code=2)
        assert says in refused.output
        assert refused.output.count("error:") == 1
    assert not (tmp_path / "copy").exists()


def test_what_a_method_cannot_do_is_told_before_anything_is_written(run: Run, model: Path, tmp_path: Path) -> None:
    asked: Any = ("erase", "hat", "--from", "a cat", "--model", model, "--out", tmp_path / "run")
    refused = run(*asked, "--method", "negative", code=2)
    assert "negative has no way to erase a concept from another one ('hat')" in refused.output
    assert not (tmp_path / "run").exists()
