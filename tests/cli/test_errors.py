from __future__ import annotations

import errno
from pathlib import Path

import pytest
import typer
from safetensors import SafetensorError
from typer.testing import CliRunner, Result

from overpaint.cli.app import app
from overpaint.cli.errors import Commands, explained
from overpaint.errors import OverpaintError, PlanError


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def failing(error: BaseException, *words: str) -> Result:
    broken = typer.Typer(cls=Commands, pretty_exceptions_enable=False)

    @broken.command("work")
    def work(name: str = "x") -> None:
        raise error

    @broken.command("other")
    def other() -> None: ...

    return CliRunner().invoke(broken, ["work", *words])


def test_a_wrong_plan_is_one_line_per_mistake_and_exit_code_2(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("edits:\n  - erase: pizza\n  - erase: pizza\n  - remplace: dog\n")
    result = run("edit", str(plan), "--out", str(tmp_path / "run"))
    lines = result.stderr.splitlines()
    assert result.exit_code == 2
    assert len(lines) == 1 or all(line.startswith("error: ") for line in lines)
    assert f"{plan}:4" in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_missing_plan_is_one_line(tmp_path: Path) -> None:
    result = run("edit", str(tmp_path / "no.yaml"), "--out", str(tmp_path / "run"))
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize("words", [["--debug"], ["--name", "y", "--debug"]])
def test_debug_shows_the_traceback_too(words: list[str]) -> None:
    result = failing(OverpaintError("no such thing; mend it"), *words)
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1] == "error: no such thing; mend it"
    assert result.exit_code == 2


def test_debug_after_a_double_dash_is_a_word() -> None:
    result = failing(OverpaintError("x"), "--name", "y", "--", "--debug")
    assert "Traceback" not in result.stderr


def test_markup_in_a_message_is_shown() -> None:
    assert failing(OverpaintError("the name '[red]x[/red]' \x1b[2J")).stderr == (
        "error: the name '[red]x[/red]' \\x1b[2J\n"
    )


def test_a_defect_keeps_its_traceback() -> None:
    result = failing(ZeroDivisionError("a bug"))
    assert isinstance(result.exception, ZeroDivisionError)


def test_an_interruption_says_how_to_go_on() -> None:
    result = failing(KeyboardInterrupt())
    assert result.exit_code == 130
    assert "goes on" in result.stderr


def test_what_a_user_can_mend_is_explained() -> None:
    assert explained(PlanError("a: b; c", "d: e; f")) == ["a: b; c", "d: e; f"]
    assert explained(OverpaintError("the name 'a\nb'")) == ["the name 'a\nb'"]  # shown in one line
    assert explained(PermissionError(13, "Permission denied", "/x")) == [
        "/x: Permission denied; check the path, its rights and the disk"
    ]
    memory = type("OutOfMemoryError", (RuntimeError,), {})()
    assert "memory" in (explained(memory) or [""])[0]
    assert "memory" in (explained(RuntimeError("DefaultCPUAllocator: can't allocate memory")) or [""])[0]
    assert "make room" in (explained(OSError(errno.ENOSPC, "No space left on device")) or [""])[0]
    assert "disk" in (explained(SafetensorError("I/O error: No space left on device")) or [""])[0]
    assert explained(OSError("something else")) is None
    assert explained(ValueError("x")) is None
    assert explained(BrokenPipeError(32, "Broken pipe")) is None
