"""Folders are whole or as they were, whatever goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from overpaint.folders import replacing_folder


def made(folder: Path, word: str) -> Path:
    folder.mkdir()
    (folder / "word.txt").write_text(word)
    return folder


def test_the_new_folder_takes_the_place_of_the_old_one_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    target = made(tmp_path / "model", "old")
    (target / "more.txt").write_text("old alone")
    with replacing_folder(target) as fresh:
        made(fresh, "new")
        assert (target / "word.txt").read_text() == "old"
    assert [path.name for path in target.iterdir()] == ["word.txt"]
    assert (target / "word.txt").read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_parents_are_made(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "a" / "b") as fresh:
        made(fresh, "new")
    assert (tmp_path / "a" / "b" / "word.txt").read_text() == "new"


def test_an_error_while_writing_leaves_the_old_folder(tmp_path: Path) -> None:
    target = made(tmp_path / "model", "old")

    def write() -> None:
        with replacing_folder(target) as fresh:
            made(fresh, "half")
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        write()
    assert (target / "word.txt").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_while_renaming_brings_the_old_folder_back(tmp_path: Path) -> None:
    target = made(tmp_path / "model", "old")
    with pytest.raises(FileNotFoundError), replacing_folder(target):
        pass  # nothing was made
    assert (target / "word.txt").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_cannot_be_deleted_costs_neither_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a file of the old folder is open elsewhere: it stays under its temporary name."""
    target = made(tmp_path / "model", "old")
    monkeypatch.setattr("overpaint.folders.shutil.rmtree", lambda *a, **k: None)
    with replacing_folder(target) as fresh:
        made(fresh, "new")
    assert (target / "word.txt").read_text() == "new"
    (old,) = (path for path in tmp_path.iterdir() if path != target)
    assert (old / "word.txt").read_text() == "old"


def test_a_link_is_followed(tmp_path: Path) -> None:
    target, link = made(tmp_path / "model", "old"), tmp_path / "link"
    link.symlink_to(target, target_is_directory=True)
    with replacing_folder(link) as fresh:
        made(fresh, "new")
    assert link.is_symlink()
    assert (target / "word.txt").read_text() == "new"
