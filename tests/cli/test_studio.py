"""``overpaint studio`` before it serves: what is told in a line, and what must not be touched twice."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import pytest

from overpaint.cli.studio import studio
from overpaint.runs.lock import FolderLock
from tests.cli.conftest import Run


def test_it_listens_to_this_computer_alone_unless_told_otherwise() -> None:
    assert inspect.signature(studio).parameters["host"].default == "127.0.0.1"


def test_without_gradio_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    for name in [
        name for name in sys.modules if name.startswith("overpaint.studio.") and name.endswith(("server", "page"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    result = run("studio", "--runs", tmp_path / "runs", code=2)
    assert "pip install 'overpaint[studio]'" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_two_of_them_do_not_share_a_folder(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("gradio", reason="gradio is not installed (the extra studio)")
    lock = FolderLock(tmp_path)
    try:
        result = run("studio", "--runs", tmp_path, code=2)
    finally:
        lock.release()
    assert "is being written by process" in result.stderr
