"""Runs that are killed, keep company or meet a full disk, as the benchmark of these does it: a few of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONCEPTS = 6


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks, and mounts a tmpfs")
def test_every_resume_ends_with_the_patch_of_the_unbroken_run(tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    words = f"--kills 2 --concepts {CONCEPTS} --batch 2 --company 2 --out {out}".split()
    command = [sys.executable, "-m", "benchmarks.nothing_lost", *words]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": "src"}, check=True, capture_output=True)
    found = json.loads(out.read_text())
    assert [kill["equal"] for kill in found["kills"]] == [True, True]
    assert found["company"]["equal"] == [True]
    assert found["company"]["learned"] >= CONCEPTS
    disk = found["disk"]
    if isinstance(disk, str):
        pytest.skip(f"the disk was {disk}")
    assert disk["full"].count("\n") == 0
    assert "No space left on device" in disk["full"]
    assert "Read-only file system" in disk["read-only"]
    assert disk["of them untouched afterwards"] == disk["memories when it was full"]
    assert disk["equal"]
