from __future__ import annotations

import doctest
import json
import os
import re
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overpaint import files
from overpaint.files import replacing, safe_name, write_bytes_atomic, write_json_atomic, write_text_atomic


def test_writes_replace_and_leave_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.txt"
    assert write_text_atomic(path, "ä\r\n") == path
    write_text_atomic(path, "ö\n")
    assert path.read_bytes() == "ö\n".encode()
    assert os.listdir(path.parent) == ["a.txt"]


def test_json_is_readable_and_keeps_the_order_of_keys(tmp_path: Path) -> None:
    path = write_json_atomic(tmp_path / "a.json", {"z": "é", "a": [1]})
    assert path.read_text(encoding="utf-8") == '{\n  "z": "é",\n  "a": [\n    1\n  ]\n}\n'


@pytest.mark.parametrize("value", [{"a": float("nan")}, {"a": object()}])
def test_a_value_that_is_not_json_leaves_the_old_file(tmp_path: Path, value: object) -> None:
    path = write_json_atomic(tmp_path / "a.json", [1])
    with pytest.raises((TypeError, ValueError)):
        write_json_atomic(path, value)
    assert json.loads(path.read_text()) == [1]
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("durable", [True, False])
def test_a_crash_while_writing_leaves_the_old_file(tmp_path: Path, durable: bool) -> None:
    path = write_bytes_atomic(tmp_path / "a.bin", b"old")

    def crash() -> None:
        with replacing(path, durable=durable) as temporary:
            temporary.write_bytes(b"half")
            assert path.read_bytes() == b"old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crash()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_the_temporary_name_keeps_the_suffix_so_that_writers_find_the_format(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.png") as temporary:
        assert temporary.suffix == ".png"
        assert temporary.name.startswith(files.TEMPORARY)
        temporary.write_bytes(b"x")


def test_links_are_followed_and_permissions_kept(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    write_text_atomic(real, "1")
    real.chmod(0o640)
    link.symlink_to(real)
    write_text_atomic(link, "2")
    assert link.is_symlink()
    assert real.read_text() == "2"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_new_files_get_the_permissions_that_open_would_give(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    new = write_text_atomic(tmp_path / "new", "")
    assert new.stat().st_mode == (tmp_path / "plain").stat().st_mode


@given(st.text(), st.text())
def test_names_are_safe_and_different_texts_never_meet(one: str, other: str) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,60}", safe_name(one))
    assert (safe_name(one) == safe_name(other)) == (one == other)


def test_documented_example() -> None:
    assert doctest.testmod(files).failed == 0
    assert len(safe_name("x" * 10_000)) < 60
