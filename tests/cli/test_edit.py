"""Whole runs on a random model with the true grader network at random weights: what is told must be what is on disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from overpaint.cli.edit import setting
from overpaint.cli.running import tenth
from overpaint.methods import METHODS
from overpaint.patch import Patch
from overpaint.runs import RunFolder
from tests.cli.conftest import Run, in_words

QUICK = ("--method", "emcid-copy", "--set", "captions=40")
NAME = "[bold]pizza[/bold]"


pytestmark = pytest.mark.usefixtures("few_judged")


@pytest.fixture(scope="module")
def erased(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The folder of a finished erasure and what was printed, made by the first test that asks."""
    made: dict[str, Any] = {}

    def ask(run: Run) -> tuple[Path, str]:
        if not made:
            folder = tmp_path_factory.mktemp("runs") / "no-pizza"
            made["out"] = run("erase", "pizza", "--to", "hen", "--model", model, "--out", folder, *QUICK).stdout
            made["folder"] = folder
        return made["folder"], made["out"]

    return ask


def test_a_run_leaves_plan_patch_picture_and_figures(run: Run, erased: Any) -> None:
    folder, output = erased(run)
    names = {path.name for path in folder.iterdir()}
    assert {"plan.yaml", "patch.safetensors", "before_after.png", "metrics.json", "run.json", "log.txt"} <= names
    assert {"result.json", "report.html", "model_card.md"} <= names
    for name in ("patch.safetensors", "before_after.png", "metrics.json", "report.html"):
        assert str(folder / name) in output
    work = RunFolder.open(folder)
    assert work.finished
    assert work.record["results"]["patch"] == Patch.load(work.patch_path).hash
    assert work.plan.edits[0].destination == "hen"


def test_the_table_says_what_was_asked_and_what_the_grader_saw(run: Run, erased: Any) -> None:
    folder, output = erased(run)
    found = json.loads((folder / "metrics.json").read_text())["details"]["edits"][0]["templates"]
    assert "erase pizza to hen" in output
    pair = found["P(source)"]
    assert f"{pair['before']:.2f} → {pair['after']:.2f}" in output
    assert "3 hold-outs, P(true)" in output


def test_the_picture_has_a_row_before_and_a_row_after(run: Run, erased: Any) -> None:
    folder, _ = erased(run)
    image = Image.open(folder / "before_after.png")
    assert image.height > 2 * 128
    assert image.width > 6 * 128  # the edit four times, a neighbour, a hold-out


def test_the_same_command_again_has_nothing_to_do(run: Run, model: Path, erased: Any) -> None:
    folder, output = erased(run)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = run("erase", "pizza", "--to", "hen", "--model", model, "--out", folder, *QUICK)
    assert "nothing to do" in again.stderr
    assert again.stdout == output
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert all(after[name] == before[name] for name in ("patch.safetensors", "metrics.json", "run.json"))


def test_a_run_that_was_killed_while_its_report_was_drawn_says_what_is_left(
    run: Run, model: Path, erased: Any, tmp_path: Path
) -> None:
    folder, _ = erased(run)
    killed = tmp_path / "run"
    shutil.copytree(folder, killed)
    words = ("erase", "pizza", "--to", "hen", "--model", model, "--out", killed, *QUICK)
    for name in ("result.json", "report.html", "model_card.md"):
        (killed / name).unlink()
    assert "the report's pictures are missing; give the edit's command again" in run("report", killed).stderr
    again = run(*words).stderr
    assert "holds the finished edit; drawing the report's pictures" in again
    assert "nothing to do" not in again
    assert run("report", killed).stderr == ""
    (killed / "report.html").unlink()
    assert "holds the finished edit; writing the report" in run(*words).stderr
    assert "is finished; nothing to do" in run(*words).stderr


def test_another_plan_does_not_overwrite_a_run(run: Run, model: Path, erased: Any) -> None:
    folder, _ = erased(run)
    result = run("erase", "dog", "--to", "hen", "--model", model, "--out", folder, *QUICK, code=2)
    assert "--force" in result.stderr
    assert RunFolder.open(folder).plan.edits[0].source == "pizza"


def test_a_run_that_was_stopped_goes_on_to_the_same_patch(
    run: Run, model: Path, erased: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = erased(run)
    words = ("erase", "pizza", "--to", "hen", "--model", model, "--out", tmp_path / "run", *QUICK, "--no-evaluate")

    def stop(self: RunFolder, patch: Patch) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(RunFolder, "save_patch", stop)
        assert "goes on" in run(*words, code=130).stderr
    assert not (tmp_path / "run" / "patch.safetensors").exists()
    assert "going on" in run(*words).stderr
    ours = Patch.load(tmp_path / "run" / "patch.safetensors")
    assert ours.hash == Patch.load(folder / "patch.safetensors").hash


def test_looking_later_needs_no_second_fit(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("replace", "dog", "hen", "--model", model, "--out", tmp_path / "run", *QUICK)
    assert "P(source)" not in run(*words, "--no-evaluate").stdout
    assert not (tmp_path / "run" / "metrics.json").exists()

    def fail(*args: Any, **named: Any) -> None:
        raise AssertionError("fitted twice")

    monkeypatch.setattr("overpaint.methods.fit", fail)
    assert "P(source)" in run(*words).stdout
    assert (tmp_path / "run" / "before_after.png").is_file()


def test_names_that_look_like_markup_or_paths_are_only_names(run: Run, model: Path, tmp_path: Path) -> None:
    words = ("replace", NAME, "../../hen", "--model", model, "--out", tmp_path / "run", *QUICK)
    output = run(*words).stdout
    assert NAME in output.replace("\n", "")
    everything = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")]
    assert not [name for name in everything if "pizza" in name or "hen" in name]


def test_a_table_with_every_kind_of_edit_runs(run: Run, model: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.csv"
    plan.write_text(
        "edit,source,destination,kind,preserve\n"
        "replace,dog,hen,,\nerase,pizza,cat,,\nrectify,aubergine,eggplant,,\n"
        "debias,pilot,man pilot | woman pilot,profession,\n,kitchen,,,yes\n"
    )
    run("edit", plan, "--model", model, "--seed", 3, "--out", tmp_path / "run", *QUICK)
    details = json.loads((tmp_path / "run" / "metrics.json").read_text())["details"]["edits"]
    assert [entry["action"] for entry in details] == ["replace", "erase", "rectify", "debias"]
    assert set(details[3]["templates"]["P(destination)"]) == {"man pilot", "woman pilot"}
    # a patch in hand: a copy of the model, and pictures
    run("patch", "apply", tmp_path / "run", "--out", tmp_path / "copy")
    run("patch", "info", tmp_path / "run")
    run("generate", "a dog", "--patch", tmp_path / "run", "--out", tmp_path / "grid.png")
    assert (tmp_path / "copy" / "model_index.json").is_file()


@pytest.mark.parametrize(
    ("method", "setting", "says"),
    [
        ("negative", "", "negative reads no captions; leave them out"),
        ("ablation", "", "ablation reads no captions; leave them out"),
        ("esd-x", "captions=0", "esd-x reads none where captions is 0; --set captions=N makes it keep N of them"),
        ("esd-x", "captions=2", ""),
        ("uce", "moment=0", "uce reads none where moment is 0; --set moment=N makes it keep them with that weight"),
        ("uce", "moment=0.1", ""),
        ("speed", "retain=0", "speed reads none where retain is 0; --set retain=N makes it keep N of them"),
    ],
)
def test_captions_that_are_not_read_are_told(
    run: Run, model: Path, tmp_path: Path, method: str, setting: str, says: str
) -> None:
    captions = tmp_path / "captions.txt"
    captions.write_text("a dog in the kitchen\nthe hen\n")
    words = ["erase", "pizza", "--kind", "style", "--model", model, "--method", method, "--out", tmp_path / "run"]
    words += ["--captions", captions, "--dry-run", *(("--set", setting) if setting else ())]
    told = [line for line in run(*words).stderr.splitlines() if line.startswith("--captions")]
    assert told == ([f"--captions {captions}: {says}"] if says else [])


def test_captions_come_from_a_file_and_belong_to_the_run(run: Run, model: Path, tmp_path: Path) -> None:
    captions = tmp_path / "captions.txt"
    captions.write_text("a dog in the kitchen\n\nthe hen\na photo of cats\n")
    words = ("replace", "dog", "hen", "--model", model, "--out", tmp_path / "run", "--no-evaluate", *QUICK)
    run(*words, "--captions", captions)
    assert Patch.load(tmp_path / "run" / "patch.safetensors").provenance["captions"]["count"] == 3
    assert "captions" in run(*words, code=2).stderr
    captions.write_text(" \n")
    assert "no captions" in run(*words, "--captions", captions, code=2).stderr


def test_methods_lists_them_all(run: Run) -> None:
    output = run("methods").stdout
    assert all(name in output for name in METHODS)


def test_what_captions_hold_is_told_with_a_remedy(run: Run, model: Path, tmp_path: Path) -> None:
    options = ("--model", model, "--out", tmp_path / "held", "--no-evaluate", *QUICK, "--set", "lambda=1e12")
    told = in_words(run("replace", "pizza", "hen", *options).stderr)
    assert "held: 'pizza' comes 0.00 of the way" in told
    assert "--set lambda=1e+11 lets them go further" in told


@pytest.mark.parametrize("weight", [7000.0, {"text_encoder": 6000.0, "text_encoder_2": 10000.0}])
def test_the_remedy_is_a_setting_for_one_text_encoder_and_for_two(weight: Any) -> None:
    lower = {name: value / 10 for name, value in weight.items()} if isinstance(weight, dict) else weight / 10
    assert setting(tenth(weight).strip("'")) == ("lambda", lower)
