from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from overpaint.errors import RunError
from overpaint.runs.lock import NAME, FolderLock

HOLD = """
import sys, time
from pathlib import Path
from overpaint.runs.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def hold(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_writer_is_told_who_writes(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    with pytest.raises(RunError, match=rf"written by process {os.getpid()} on .*; wait"):
        FolderLock(tmp_path)
    lock.release()
    lock.release()
    assert not (tmp_path / NAME).exists()
    FolderLock(tmp_path).release()


@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
def test_a_killed_writer_leaves_no_lock(tmp_path: Path) -> None:
    process = hold(tmp_path)
    with pytest.raises(RunError, match=f"process {process.pid}"):
        FolderLock(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / NAME).exists()
    FolderLock(tmp_path).release()


def test_whatever_is_in_a_stale_file_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"\xff" * 9000)
    lock = FolderLock(tmp_path)
    with pytest.raises(RunError, match=f"process {os.getpid()}"):
        FolderLock(tmp_path)
    lock.release()
