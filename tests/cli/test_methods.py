"""Every method introduces itself."""

from __future__ import annotations

from pathlib import Path

from overpaint.methods import METHODS
from tests.cli.conftest import Run, in_words


def test_every_method_is_listed_with_what_it_edits_its_cost_and_its_paper(run: Run) -> None:
    shown = run("methods").output
    words = " ".join(shown.split())
    for name, method in METHODS.items():
        assert name in shown
        for text in (method.edits, method.cost, method.paper):
            assert text.split()[0] in words


def test_one_method_tells_its_settings(run: Run) -> None:
    shown = run("methods", "sld").output
    assert "threshold" in shown
    assert "moderate" in shown


def test_a_wrong_name_is_told_as_in_edit_commands(run: Run) -> None:
    commands = (("methods",), ("replace", "a", "b", "--out", "x", "--method"))
    told = [run(*words, "emdic", code=2).stderr for words in commands]
    assert [line.partition(": no method ")[2] for line in told] == ["is called 'emdic'; did you mean 'emcid'?\n"] * 2
    assert told[0].startswith("error: overpaint methods: ")


def test_every_setting_has_its_type_its_default_and_where_that_comes_from(run: Run) -> None:
    for name in ("ablation", "uce", "sld-max"):
        told = in_words(run("methods", name).output)
        for key, field in METHODS[name].config.model_fields.items():
            assert f" {field.alias or key} " in told, key
    ablation = in_words(run("methods", "ablation").output)
    for line in (
        "parameters cross | embedding | full cross carried",
        "steps int 150 measured",
        "images int 32 ours",
        "guidance float | none none ours",
    ):
        assert line in ablation, line
    assert "…" not in ablation


def test_a_default_of_hundreds_of_prompts_leaves_the_other_settings_in_sight(run: Run) -> None:
    shown = run("methods", "gates").output
    assert "633 of them (such as an" in in_words(shown)
    assert len(shown.splitlines()) < 60


def test_what_works_on_a_model_and_what_stands_in_the_way(run: Run, model: Path) -> None:
    words = " ".join(run("methods", "--model", "flux").output.replace("│", " ").split())
    assert "methods on FLUX.1" in words
    assert "speed no text and picture tokens" in words
    assert "uce yes" in words
    every = run("methods", "--model", model).output
    assert "the bundled emoji model" in every
    assert " no " not in every
    assert "refact" in run("methods", "refact", "--model", "sdxl").output
    assert "no such folder or file" in run("methods", "--model", "nothing", code=2).output
