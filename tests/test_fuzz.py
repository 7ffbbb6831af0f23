"""Spoilt plans and patch files: a clear error or what was written, never a traceback or a wrong patch.

Ten thousand cases: ``pytest -m slow tests/test_fuzz.py``.
"""

from __future__ import annotations

import random
import re
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
from tests.spoiling import TEXT, Spoil, reheaded, spliced, spoilt

MANY = pytest.param(5000, marks=pytest.mark.slow)


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
