"""Spoilt run folders, banks and memories: what is read is what was written, and nothing is written elsewhere."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
from benchmarks.fuzz_changes import altered
from benchmarks.fuzz_kind import Files, Kind, command
from safetensors import safe_open
from safetensors.torch import save as to_bytes
from tests.runs.examples import OTHER, PLAN, provenance
from tests.spoiling import ODD, TEXT, Spoil, as_json, reheaded, retold, spliced, spoilt
from torch import Tensor

from overpaint.cli.patches import read_change
from overpaint.errors import OverpaintError
from overpaint.patch import Patch
from overpaint.plan import Plan
from overpaint.report.run_result import RESULT, result_of_run, run_result
from overpaint.runs import Bank, RunFolder
from overpaint.runs.bank import MemoryBank
from overpaint.tensors import digest_of

__all__ = ["kinds"]

KEY = "emcid value pistol"
META = {"source": "pistol"}
FIGURES = [
    {"name": "templates: P(source) left", "value": 0.1, "low": 0.0, "high": 0.2, "count": 4, "missing": 0, "bar": 0.1},
    {"name": "hold-outs: relative change of P(true)", "value": -0.1, "low": -0.2, "high": 0.0, "count": 4, "missing": 1}
    | {"bar": None},
]


def kinds(patch: Patch, folder: Path) -> Iterator[Kind]:
    """Kinds of folders; the run is one of ``patch``."""
    memory = {"value": torch.arange(12.0).reshape(3, 4), "layer": torch.tensor(3)}
    run, bank = run_files(folder / "run", patch, memory), bank_files(folder / "bank", memory)
    files = {name: data for name, data in bank.items() if name.endswith(".safetensors")}
    yield Kind("memories, bytes", 7, partial(memory_bytes, files), partial(judge_memory, memory))
    yield Kind("memories, signed", 3, partial(memory_signed, next(iter(files)), memory), judge_signed_memory)
    yield Kind("run folders", 3, partial(one_spoilt, run), judge_run)
    yield Kind("banks", 5, partial(one_spoilt, bank), judge_bank)


def run_files(folder: Path, patch: Patch, memory: dict[str, Tensor]) -> Files:
    """A finished run with figures and a result."""
    with RunFolder.create(folder, PLAN, provenance()) as run:
        run.bank.put(KEY, memory, META)
        run.save_patch(patch)
        run.save_metrics({"settings": {"seeds": 2}, "figures": FIGURES, "details": {}})
        run.finish(patch=patch.hash)
    run_result(RunFolder.open(folder)).write(folder / RESULT)
    return files_in(folder)


def bank_files(folder: Path, memory: dict[str, Tensor]) -> Files:
    """A bank with two edits, a concept to preserve, and a memory."""
    bank = Bank.create(folder, PLAN)
    bank.add(Plan.parse({"edits": [*PLAN.to_data()["edits"], {"erase": "pizza"}], "preserve": ["rifle"], "seed": 3}))
    bank.memories.put(KEY, memory, META)
    return files_in(folder)


def files_in(folder: Path) -> Files:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# ---- making ---------------------------------------------------------------------------------------------------------


def memory_bytes(files: Files, source: random.Random) -> Files:
    ways: list[Spoil] = [*TEXT, partial(spliced, list(files.values())), *[reheaded] * 4]
    return {name: spoilt(source, data, ways) for name, data in files.items()}


def memory_signed(name: str, memory: dict[str, Tensor], source: random.Random) -> Files:
    """Other tensors or words, with the digest that belongs to them."""
    tensors = altered(source, memory) if source.random() < 0.6 else memory
    words = {"key": KEY, "digest": digest_of(tensors), "meta": as_json(retold(source, {"of": META}).get("of"))}
    return {name: to_bytes(tensors, words)}


def one_spoilt(files: Files, source: random.Random) -> Files:
    """One file in which bytes or values have changed, or that is gone."""
    name = source.choice(sorted(files))
    if source.random() < 0.5:  # the page is then made of what else is there
        files = {other: data for other, data in files.items() if other != RESULT or name == RESULT}
    if source.random() < 0.05:
        return {other: data for other, data in files.items() if other != name}
    if name.endswith(".json") and source.random() < 0.7:
        tree = retold(source, json.loads(files[name]), [*ODD, float("nan"), float("-inf")])
        if name == "run.json" and source.random() < 0.1:
            tree = {**tree, "moved_to": source.choice(["../beside", "previous-1", "", ".", 1, "bank", "a" * 300, "/x"])}
        return {**files, name: as_json(tree).encode("utf-8", "surrogatepass")}
    return {**files, name: spoilt(source, files[name], TEXT)}


# ---- judging --------------------------------------------------------------------------------------------------------


def judge_memory(memory: dict[str, Tensor], folder: Path) -> None:
    """The memory is what was written, or there is none and it is made again."""
    read_memory(folder, memory)


def judge_signed_memory(folder: Path) -> None:
    """What is read is what the file says."""
    (path,) = (folder / "bank").iterdir()
    with safe_open(path, framework="pt") as file:
        read_memory(folder, {name: file.get_tensor(name) for name in file.keys()})


def read_memory(folder: Path, expected: dict[str, Tensor]) -> None:
    bank = MemoryBank(folder / "bank")
    found = bank.get(KEY)
    same(found, expected)
    assert {key for key, meta in bank.records() if meta is not None} <= {KEY}
    beside, copy = MemoryBank(folder / "beside"), MemoryBank(folder / "copy", reuse=[folder / "bank"])
    assert beside.merge(bank) == (found is not None)
    same(beside.get(KEY), expected)
    same(copy.get(KEY), expected)
    meta = bank.meta(KEY)
    assert meta is None or isinstance(meta, dict)
    other = {"value": torch.zeros(2)}
    same(bank.keep(KEY, other, META), other if found is None else expected)
    same(bank.get(KEY), other if found is None else expected)
    if found is None:
        raise OverpaintError("is damaged, and is made again")


def same(found: dict[str, Tensor] | None, expected: dict[str, Tensor]) -> None:
    if found is not None:
        assert set(found) == set(expected)
        assert digest_of(found) == digest_of(expected), "another memory than was written"


def judge_run(folder: Path) -> None:
    """A run is looked at, reported, and gone on with."""
    errors = [error for look in (looked_at, reported, gone_on_with) if (error := refused(look, folder)) is not None]
    if errors:
        raise errors[0]


def refused(look: Any, folder: Path) -> OverpaintError | None:
    try:
        look(folder)
    except OverpaintError as error:
        return error
    return None


def looked_at(folder: Path) -> None:
    run = RunFolder.open(folder)
    assert isinstance(run.finished, bool)
    plan = run.plan
    assert Plan.parse(plan.to_data()) == plan
    assert run.metrics is None or json.loads((folder / "metrics.json").read_text()) == run.metrics
    change = read_change(folder)
    assert change.hash
    command("patch", "info", folder)


def reported(folder: Path) -> None:
    result_of_run(folder)
    command("report", folder, "--out", folder / "page")


def gone_on_with(folder: Path) -> None:
    """The same request goes on or is refused; another one is refused, and moves the run aside where it is to."""
    with RunFolder.create(folder, PLAN, provenance()) as run:
        assert run.plan == PLAN or run.finished
    with suppress(OverpaintError):
        RunFolder.create(folder, OTHER, provenance()).close()
    with RunFolder.create(folder, OTHER, provenance(), force=True) as run:
        assert run.plan == OTHER
        assert not run.finished


def judge_bank(folder: Path) -> None:
    bank = Bank.open(folder)
    command("bank", "list", folder)
    plan = bank.plan
    assert Plan.parse(plan.to_data()) == plan
    assert all(asked.source for asked in bank.edits)
    with suppress(OverpaintError):
        bank.lacking(OTHER)
    with suppress(OverpaintError):
        other = Bank.create(folder / "other", PLAN)
        other.merge(folder)
        assert {edit.fingerprint() for edit in other.edits} == {edit.fingerprint() for edit in bank.edits}
    with suppress(OverpaintError):
        bank.withdraw("pizza")
        assert all(edit.source != "pizza" for edit in bank.edits)
