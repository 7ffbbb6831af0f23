"""A plan, another one, and a run that was finished."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from overpaint.plan import Edit, Plan
from overpaint.provenance import Provenance
from overpaint.runs import RunFolder

PLAN = Plan(edits=(Edit(action="replace", source="pistol", destination="water pistol"),), seed=3)

OTHER = Plan(edits=(Edit(action="erase", source="pizza"),), seed=3)


class Thing:
    """Saves itself, or dies half-way."""

    def __init__(self, content: bytes, fails: bool = False) -> None:
        self.content, self.fails = content, fails

    def save(self, path: Path) -> None:
        path.write_bytes(self.content)
        if self.fails:
            raise OSError("disk full")


def provenance(**changes: Any) -> Provenance:
    words = {"model": "emoji", "model_fingerprint": "a" * 64, "method": "emcid", "settings": {"steps": 5}, "seed": 3}
    return Provenance(**{**words, **changes})


def status(path: Path) -> str:
    return str(json.loads((path / "run.json").read_text())["status"])


def finish(path: Path, plan: Plan = PLAN) -> None:
    with RunFolder.create(path, plan, provenance()) as run:
        run.bank.put("a", {"value": torch.ones(1)})
        run.save_patch(Thing(b"patch"))
        run.finish(patch="hash")
