from __future__ import annotations

import importlib.metadata
import platform
import resource
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from overpaint.cli.app import app

COMMANDS = ("erase", "replace", "rectify", "edit", "generate", "trace", "patch apply", "patch info", "methods")
READING = {"methods", "patch info", "patch diff", "patch verify", "bank list"}
"""Commands that compute next to nothing and write nothing."""


def python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True, timeout=60)


def test_help_needs_neither_torch_nor_much_time() -> None:
    code = (
        "import sys; sys.argv = ['overpaint', '--help']\n"
        "from overpaint.cli.app import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'torch', 'transformers', 'diffusers', 'numpy', 'PIL', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert "erase" in python("-c", code).stdout
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - start < 1


def test_the_module_is_the_command_and_says_its_versions_without_torch() -> None:
    said = python("-X", "importtime", "-m", "overpaint", "--version")
    version = importlib.metadata.version
    assert said.stdout.startswith(f"overpaint {version('overpaint')} (python {platform.python_version()}, ")
    assert f"torch {version('torch')}, diffusers {version('diffusers')}" in said.stdout
    loaded = {line.rpartition("|")[2].strip() for line in said.stderr.splitlines()}
    assert "overpaint.cli.app" in loaded
    assert not loaded & {"torch", "diffusers", "numpy"}


def test_the_package_needs_no_torch_until_it_is_used() -> None:
    python("-c", "import sys, overpaint; overpaint.Plan; assert not {'torch', 'diffusers'} & set(sys.modules)")


def test_every_public_name_is_there() -> None:
    import overpaint

    assert all(getattr(overpaint, name).__name__ == name for name in overpaint.__all__)
    assert set(overpaint.__all__) <= set(dir(overpaint))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        overpaint.nonsense  # noqa: B018


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0, result.output
    assert "--help" in result.output


def test_an_editing_command_knows_all_options_of_a_run() -> None:
    for command in ("erase", "replace", "rectify", "edit"):
        text = CliRunner().invoke(app, [command, "--help"], terminal_width=200).output
        for option in ("--out", "--model", "--method", "--set", "--seed", "--captions", "--no-evaluate", "--force"):
            assert option in text, (command, option)


def test_every_command_that_computes_or_writes_has_a_dry_run() -> None:
    def leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
        children = getattr(command, "commands", None)
        if not children:
            yield path.strip(), command
        for name, child in (children or {}).items():
            yield from leaves(child, f"{path} {name}")

    found = dict(leaves(typer.main.get_command(app), ""))
    without = {path for path, command in found.items() if not any("--dry-run" in one.opts for one in command.params)}
    assert without == READING
