from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
import torch
import typer
from typer.testing import CliRunner

from overpaint.cli.app import app as cli
from overpaint.cli.edit import overridden, setting
from overpaint.cli.generate import seeds_of
from overpaint.cli.models import arithmetic
from overpaint.cli.options import Arithmetic, RunOptions, takes_run_options
from overpaint.errors import OverpaintError, PlanError
from overpaint.plan import Plan
from overpaint.plan.checks import quoted


def test_options_reach_the_command_as_one_argument() -> None:
    seen = []

    @takes_run_options
    def work(name: Annotated[str, typer.Argument()], much: bool = False, *, options: RunOptions) -> None:
        seen.append((name, much, options))

    app = typer.Typer()
    app.command()(work)
    words = ["--set", "a=1", "pizza", "--out", "here", "--set", "b=2", "--no-evaluate", "--much"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert seen == [("pizza", True, RunOptions(out=Path("here"), settings=["a=1", "b=2"], evaluate=False))]


OUT = {
    "erase": ("dog",), "edit": ("plan.yaml",), "generate": ("a dog",), "trace": (), "report": ("run",),
    "compare": ("a", "b"), "bank fit": ("bank",), "bench emoji": (), "bench model": (), "patch apply": ("run",),
    "patch add": ("a", "b"),
}  # fmt: skip


@pytest.mark.parametrize("command", OUT)
def test_an_empty_out_is_not_the_current_folder(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, [*command.split(), *OUT[command], "--out", ""])
    assert result.stderr == "error: --out is empty; name a folder, or a file where one is written\n"
    assert result.exit_code == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "seeds"), [("0..3", [0, 1, 2, 3]), ("7", [7]), ("1,5,9", [1, 5, 9]), (" 1..2 , 8 ", [1, 2, 8])]
)
def test_seeds(text: str, seeds: list[int]) -> None:
    assert seeds_of(text) == seeds


def test_a_thousand_seeds_are_the_most_however_they_are_written() -> None:
    assert seeds_of("0..499,500..999") == seeds_of("0..999") == list(range(1000))
    for text in ("0..1000", "0..999,1000", "0..499,500..1000", "0..999,1000..1999,2000..2999"):
        with pytest.raises(OverpaintError, match="at most 1000 of them"):
            seeds_of(text)


@pytest.mark.parametrize("text", ["", "a", "3..1", "0..99999", "1,", "-1", "1..2..3", "9" * 30])
def test_wrong_seeds_are_refused(text: str) -> None:
    with pytest.raises(OverpaintError, match="--seeds"):
        seeds_of(text)


@pytest.mark.parametrize("units", [True, False])
def test_the_bundled_model_is_drawn_in_the_fastest_precision_and_others_in_their_own(
    units: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: units, raising=False)
    on: dict[str, Any] = {"device": torch.device("cpu"), "dtype": torch.float32}
    bundled, other = (SimpleNamespace(family=family, **on) for family in ("emoji", "sd1"))
    chosen: list[Any] = [arithmetic(asked, model) for model in (bundled, other) for asked in (None, *Arithmetic)]  # type: ignore[arg-type]
    assert chosen == ["bfloat16" if units else "float32", "float32", "bfloat16", "float32", "float32", "bfloat16"]


PLAN = Plan.parse({"edits": [{"erase": "pizza"}], "settings": {"steps": 10, "rate": 0.1}, "seed": 4})


def test_the_command_line_goes_before_the_file() -> None:
    plan = overridden(PLAN, "folder", "emcid-copy", 9, ["steps=30", "blocks=[0, 1]", "warm_start=false"])
    assert (plan.model, plan.method, plan.seed) == ("folder", "emcid-copy", 9)
    assert plan.settings == {"steps": 30, "rate": 0.1, "blocks": [0, 1], "warm_start": False}
    assert plan.edits == PLAN.edits
    assert plan.at("settings.steps") == "--set"
    assert PLAN.settings == {"steps": 10, "rate": 0.1}


def test_nothing_said_changes_nothing() -> None:
    assert overridden(PLAN) == PLAN


VALUES = ["1e-4", "no", "2024-13-45", "010", "0x10", "1_000", "[0, no]", "{a: 1e-4, 007: yes}", "'1'", "", "~", "true"]


@pytest.mark.parametrize("value", VALUES)
def test_a_setting_means_what_it_means_in_a_plan_file(value: str, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(f"edits: [{{erase: pizza}}]\nsettings:\n  said: {value}\n")
    expected = Plan.read(tmp_path / "plan.yaml").settings
    assert overridden(PLAN, settings=[f"said={value}"]).settings == {**PLAN.settings, **expected}


def test_plain_words_are_read_by_yaml_1_2() -> None:
    assert [setting(f"a={value}")[1] for value in VALUES[:4]] == [1e-4, "no", "2024-13-45", 10]


WRONG = {
    "steps": "not a setting; write key=value",
    "=3": "not a setting; write key=value",
    "steps=[1": "mend the YAML",
    "steps=" + "[" * 600: "nested deeper than 24 levels; simplify it",
    "steps=!!python/object:os.system": "not known; remove it",
    "steps=.inf": "not a finite number; write one",
    "steps={a: 1, a: 2}": "given twice; remove one",
    "st\neps=\x07": "not allowed; remove it",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_setting_is_one_line(text: str) -> None:
    with pytest.raises(PlanError, match=re.escape(WRONG[text])) as caught:
        overridden(PLAN, settings=[text])
    assert str(caught.value).startswith(f"--set {quoted(text)}: ")
    assert "\n" not in str(caught.value)
