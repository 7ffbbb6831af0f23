"""What is wrong with a wheel is named before anybody installs it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def wheel(script: Callable[[str], Any]) -> Any:
    return script("wheel")


def packed(path: Path, names: tuple[str, ...], size: int = 1) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x" * size)
    return path


def test_a_whole_wheel_is_in_order(wheel: Any, tmp_path: Path) -> None:
    assert wheel.problems(packed(tmp_path / "a.whl", wheel.NEEDED)) == []


def test_what_is_missing_or_too_large_is_named(wheel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheel, "MOST_BYTES", 1000)
    found = wheel.problems(packed(tmp_path / "a.whl", wheel.NEEDED[1:], size=1000))
    assert found[0].endswith("more than 1,000")
    assert found[1] == f"{wheel.NEEDED[0]} is missing"


def test_the_tree_holds_what_a_wheel_needs(wheel: Any) -> None:
    assert all((FOLDER.parent / "src" / name).is_file() for name in wheel.NEEDED)
