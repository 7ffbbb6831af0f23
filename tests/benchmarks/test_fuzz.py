"""A few of the cases of the benchmark that spoils files, of every kind."""

from __future__ import annotations

import random
import sys
import warnings
from pathlib import Path

import pytest

if not sys.platform.startswith("linux"):
    pytest.skip("watches time and memory as Linux does", allow_module_level=True)

from benchmarks.fuzz_kind import Files, Kind

from benchmarks import fuzz
from overpaint.errors import PatchError

CASES = 300


def test_spoilt_files_are_refused_in_a_line_or_read_rightly(tmp_path: Path) -> None:
    counts = fuzz.fuzzed(fuzz.all_kinds(0, tmp_path), CASES, 0, tmp_path)
    assert {what: failure.trace for count in counts.values() for what, failure in count.failures.items()} == {}
    assert sum(count.refused + count.right for count in counts.values()) == CASES
    assert sum(count.refused for count in counts.values()) > CASES / 3
    assert sum(count.right for count in counts.values()) > CASES / 10


def refused() -> None:
    raise PatchError("is damaged; make it again")


def in_two_lines() -> None:
    raise PatchError("is damaged\nmake it again")


def a_defect() -> None:
    raise KeyError("x")


def out_of_memory() -> None:
    raise MemoryError


def noisy() -> None:
    print("careful", file=sys.stderr)


def noisy_and_refused() -> None:
    warnings.warn("careful", stacklevel=1)
    raise PatchError("is damaged; make it again")


def endless() -> None:
    while True:
        pass


@pytest.mark.parametrize("judge", [in_two_lines, a_defect, out_of_memory, noisy, noisy_and_refused, endless])
def test_whatever_is_no_clear_line_is_a_failure(judge: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fuzz, "SECONDS", 0.1)
    sizes = iter([3, 1, 2])

    def make(source: object) -> Files:
        return {"file": b"x" * next(sizes)}

    (count,) = fuzz.fuzzed([Kind("any", 1, make, lambda folder: judge())], 3, 0, tmp_path).values()  # type: ignore[operator]
    assert (count.refused, count.right, count.failed) == (0, 0, 3)
    (failure,) = count.failures.values()
    assert failure.files == {"file": b"x"}  # the smallest


def test_what_is_refused_and_what_is_right_is_counted(tmp_path: Path) -> None:
    kinds = [
        Kind("a", 1, lambda source: {}, lambda folder: refused()),
        Kind("b", 3, lambda source: {}, lambda folder: None),
    ]
    counts = fuzz.fuzzed(kinds, 8, 0, tmp_path)
    assert [(count.refused, count.right, count.failed) for count in counts.values()] == [(2, 0, 0), (0, 6, 0)]


def test_the_same_seed_gives_the_same_cases(tmp_path: Path) -> None:
    seen: list[float] = []

    def drawn(source: random.Random) -> Files:
        seen.append(source.random())
        return {}

    kind = Kind("any", 1, drawn, lambda folder: None)
    for seed in (0, 0, 1):
        fuzz.fuzzed([kind], 2, seed, tmp_path)
    assert seen[:2] == seen[2:4] != seen[4:]
    assert len(set(seen)) == 4
