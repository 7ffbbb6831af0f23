"""Results with pictures, as a suite leaves them: plain colours, and names that try to be something else."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from PIL import Image

from overpaint.bench.results import Case, Figure, Item, Judge, Result, Row, Shift, Verdict
from overpaint.bench.scores import mean

SCRIPT, TEMPLATE, MARKUP = "<script>alert(1)</script>", "{{7*7}}", "[x](javascript:alert(1)) | *b* https://a.example"
PLAN = {"edits": [{"replace": "pizza", "with": "guitar"}, {"replace": SCRIPT, "with": TEMPLATE}], "preserve": [MARKUP]}


def colour(folder: Path, red: int, green: int, size: int = 64) -> str:
    """Keep a plain picture in a suite's folder; returns its key."""
    key = hashlib.sha256(bytes([red, green, size % 256])).hexdigest()
    path = folder / "images" / key[:2] / f"{key}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size, size), (red, green, 0)).save(path)
    return key


def item(group: str, unit: str, name: str, first: float | None, second: float | None, **fields: Any) -> Item:
    return Item.model_validate(
        {
            "group": group,
            "unit": unit,
            "subject": name,
            "prompt": f"an image of a {name}",
            "seed": 7,
            "scores": {f"P({name})": Shift(before=first, after=second)},
            **fields,
        }
    )


def row(metric: str, group: str, values: list[float], **fields: Any) -> Row:
    return Row.model_validate(
        {"metric": metric, "group": group, "figure": Figure.of(mean(values)), "judge": "emoji grader", **fields}
    )


def case(
    folder: Path, method: str = "emcid", edits: int = 2, change: float = -0.01, verdict: Verdict = "holds"
) -> Case:
    """Everything that a case can have: five groups, an unknown score, a missing picture, an unknown figure."""
    drawn: dict[str, Any] = {"before": colour(folder, 200, 0), "after": colour(folder, 0, 200)}
    holdouts = [("tiger", 0.9, 0.9 + 0.9 * change), (MARKUP, 0.8, 0.8), ("wolf", 0.7, None)]
    return Case(
        name=f"{method}/replacement/{edits}",
        task="replacement",
        method=method,
        edits=edits,
        verdict=verdict,
        plan=PLAN,
        patch="a" * 64,
        settings={"steps": 60},
        seconds={"fit": 1.5},
        rows=(
            row("hold-out change", "hold-outs", [change, change], better="zero", unit="relative", bar=-0.05),
            row("source-to-destination", "templates", [0.9, 1.0], better="higher", unit="share", bar=0.9),
            row("source forget", "templates", [1.0, 1.0], better="higher"),
            row("FID", "", [], better="lower", unit="FID", judge="other judge"),
        ),
        items=(
            item("templates", "replace:pizza", "pizza", 0.9, 0.1, **drawn),
            item("templates", f"replace:{SCRIPT}", SCRIPT, 0.9, None, before=drawn["before"]),
            item("free form", "replace:pizza", "pizza", 0.8, 0.2, **drawn),
            item("aliases", "replace:pizza", "slice", 0.8, 0.7, **drawn),
            item("neighbours", "pie", "pie", 0.8, 0.3, **drawn),
            *(item("hold-outs", name, name, *scores, **drawn) for name, *scores in holdouts),
        ),
    )


def result(*cases: Case, **fields: Any) -> Result:
    return Result.model_validate(
        {
            "suite": "emoji",
            "title": "two replacements",
            "split": "test",
            "complete": True,
            "settings": {"seed": 0, "drawing": {"steps": 20, "guidance": None}},
            "provenance": {"model": "emoji", "model_fingerprint": "f" * 64, "versions": {"overpaint": "0.1.0"}},
            "judges": (Judge(name="emoji grader", details={"weights": "c" * 64}),),
            "cases": cases,
            **fields,
        }
    )


def suite(folder: Path, *cases: Case, **fields: Any) -> Path:
    """Write a result with its pictures; one case that holds unless others are given."""
    folder.mkdir(parents=True, exist_ok=True)
    result(*(cases or (case(folder),)), **fields).write(folder / "result.json")
    return folder
