"""Spoilt plans and patch files: a clear error or what was written, never a traceback or a wrong patch.

Ten thousand cases: ``pytest -m slow tests/test_fuzz.py``.
"""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from overpaint.errors import PatchError, PlanError
from overpaint.guards import Guard, load_change
from overpaint.guards.rules import SafeGuidance
from overpaint.patch import Delta, Dense, LowRank, Mapped, Patch
from overpaint.plan import Plan
from tests.plan.test_any_input import GOOD

MANY = pytest.param(5000, marks=pytest.mark.slow)
WORDS = [b"edits", b"{", b"}", b"[", b"]", b":", b"-", b"\n", b"'", b'"', b"&a", b"*a", b"!!", b"\0", b"\xff", b"1e999"]
WORDS += [
    b"null",
    b"NaN",
    b"F16",
    b"I64",
    b"BF16",
    b"18446744073709551616",
    b"-1",
    b"[" * 3000,
    b"\\ud800",
    b",,,",
    b"#",
]

Spoil = Callable[[random.Random, bytes], bytes]


def flipped(source: random.Random, data: bytes) -> bytes:
    at = place(source, data)
    return data[:at] + bytes([data[at] ^ 1 << source.randrange(8)]) + data[at + 1 :] if data else data


def cut(source: random.Random, data: bytes) -> bytes:
    at = place(source, data)
    return data[:at] + data[at + source.randrange(1, 40) :]


def ended(source: random.Random, data: bytes) -> bytes:
    return data[: place(source, data)]


def doubled(source: random.Random, data: bytes) -> bytes:
    at, length = place(source, data), source.randrange(1, 80)
    return data[: at + length] + data[at:]


def inserted(source: random.Random, data: bytes) -> bytes:
    at = place(source, data)
    return data[:at] + source.choice(WORDS) + data[at:]


def overwritten(source: random.Random, data: bytes) -> bytes:
    at, word = place(source, data), source.choice(WORDS)
    return data[:at] + word + data[at + len(word) :]


def renumbered(source: random.Random, data: bytes) -> bytes:
    """Another digit in the place of one."""
    digits = [match.start() for match in re.finditer(rb"\d", data[:4000])]
    at = source.choice(digits) if digits else 0
    return data[:at] + str(source.randrange(10)).encode() + data[at + 1 :]


def reheaded(source: random.Random, data: bytes) -> bytes:
    """The header of a safetensors file spoilt as text, its length corrected."""
    if len(data) < 8:
        return data
    (length,) = struct.unpack("<Q", data[:8])
    head, tail = data[8 : 8 + length], data[8 + length :]
    head = source.choice(TEXT)(source, head)
    return struct.pack("<Q", len(head)) + head + tail


TEXT: list[Spoil] = [flipped, cut, ended, doubled, inserted, overwritten, renumbered]


def place(source: random.Random, data: bytes) -> int:
    """Somewhere, half the time near the beginning, where headers are."""
    return source.randrange(max(1, min(len(data), 1500) if source.random() < 0.5 else len(data)))


def spoilt(source: random.Random, data: bytes, ways: list[Spoil]) -> bytes:
    for _ in range(source.choice((1, 1, 1, 2, 4))):
        data = source.choice(ways)(source, data)
    return data


@pytest.mark.parametrize("cases", [150, MANY])
def test_a_spoilt_plan_is_a_plan_or_mistakes_with_lines(cases: int, tmp_path: Path) -> None:
    good = {ending: text.encode() for ending, text in GOOD.items()}
    read = 0
    for case in range(cases):
        source = random.Random(case)
        ending = source.choice(sorted(good))
        path = tmp_path / f"plan.{ending}"
        path.write_bytes(spoilt(source, good[ending], TEXT))
        try:
            plan = Plan.read(path)
        except PlanError as error:
            for line in error.problems:
                assert re.fullmatch(rf"{re.escape(str(path))}:\d+: .+; .+", line), (case, line)
            continue
        read += 1
        assert Plan.read(plan.write(tmp_path / "again.json")) == plan, case
    assert 0 < read < cases


def changes(folder: Path) -> list[Patch | Guard]:
    torch.manual_seed(0)
    up, down = torch.randn(6, 2), torch.randn(2, 6)
    mixed: dict[str, Delta] = {"a.weight": LowRank(up, down), "b.bias": Dense(torch.randn(7))}
    mapped: dict[str, Delta] = {f"{i}.weight": Mapped(LowRank(up, down)) for i in range(3)}
    mapped["1.weight"] = Mapped(LowRank(up, down), LowRank(torch.randn(5, 1), torch.randn(1, 6)))
    plan = {"model": "emoji", "seed": 3, "plan": {"edits": [{"erase": "pizza"}]}}
    patches = [Patch(deltas, dict.fromkeys(deltas, "f" * 32), plan) for deltas in (mixed, mapped, {})]
    return [*patches, Guard(SafeGuidance("pizza, hens", warmup=3), plan)]


@pytest.mark.parametrize("cases", [300, MANY])
def test_a_spoilt_patch_is_refused_in_one_line_or_what_was_written(cases: int, tmp_path: Path) -> None:
    good = changes(tmp_path)
    files = [change.save(tmp_path / f"{i}.safetensors").read_bytes() for i, change in enumerate(good)]
    path = tmp_path / "spoilt.safetensors"
    whole = 0
    for case in range(cases):
        source = random.Random(case)
        which = source.randrange(len(files))
        spoil: list[Spoil] = [*TEXT, partial(spliced, files), *[reheaded] * 4]
        path.write_bytes(spoilt(source, files[which], spoil))
        change = refused_or_read(path)
        if isinstance(change, str):
            assert re.fullmatch(rf"{re.escape(str(path))}: .+", change), (case, change)
            continue
        whole += 1
        original = next(one for one in good if one.hash == change.hash)
        assert type(change) is type(original), case
        assert change.provenance == original.provenance, case
        assert getattr(change, "base", None) == getattr(original, "base", None), case
    assert whole < cases / 4


def refused_or_read(path: Path) -> str | Patch | Guard:
    try:
        return load_change(path)
    except PatchError as error:
        return str(error)


def spliced(files: list[bytes], source: random.Random, data: bytes) -> bytes:
    """The beginning of one file and the end of another."""
    other = source.choice(files)
    return data[: place(source, data)] + other[place(source, other) :]
