"""A small result as a suite writes it, for whoever reads results."""

from __future__ import annotations

import math

from overpaint.bench.results import Case, Figure, Item, Judge, Published, Result, Row, Shift, Verdict
from overpaint.bench.scores import mean

VERDICTS: tuple[tuple[int, Verdict], ...] = ((10, "holds"), (100, "broken"))
BEFORE, AFTER = "0" * 64, "1" * 64
FIGURE = Published(
    method="EMCID", value=0.566, edits=10, source="EMCID, project page, large-scale plot", reading="figure"
)


def item(group: str, unit: str, subject: str, before: float, after: float) -> Item:
    return Item(
        group=group,
        unit=unit,
        subject=subject,
        prompt=f"an image of a {subject}",
        seed=7,
        scores={f"P({subject})": Shift(before=before, after=after)},
        before=BEFORE,
        after=AFTER,
    )


def row(metric: str, group: str, values: list[float], **fields: object) -> Row:
    return Row.model_validate(
        {"metric": metric, "group": group, "figure": Figure.of(mean(values)), "judge": "emoji grader", **fields}
    )


def example() -> Result:
    """Two measured cases of one curve, one of which is broken, and one that the method cannot do."""
    plan = {"edits": [{"replace": "pizza", "with": "guitar"}]}
    items = (
        item("templates", "replace:pizza", "pizza", 0.9, 0.1),
        item("free form", "replace:pizza", "pizza", 0.8, math.nan),
        item("hold-outs", "tiger", "tiger", 0.9, 0.2),
        item("hold-outs", "<b>banana</b>", "<b>banana</b>", 0.9, 0.9),
    )
    rows = (
        row("source forget", "templates", [0.8, 0.7], better="higher"),
        row("source-to-destination", "templates", [0.6, 0.5], better="higher", bar=0.5, published=(FIGURE,)),
        row("hold-out change", "hold-outs", [-0.7, 0.0], better="zero", unit="relative", bar=-0.05),
        row("FID", "", [], better="lower", unit="FID"),
    )
    cases = [
        Case(
            name=f"emcid/replacement/{edits}",
            task="replacement",
            method="emcid",
            edits=edits,
            verdict=verdict,
            plan=plan,
            patch="a" * 64,
            seconds={"fit": 1.5, "drawing": 30.0},
            rows=rows,
            items=items,
        )
        for edits, verdict in VERDICTS
    ]
    skipped = Case(
        name="uce/rectification/10",
        task="rectification",
        method="uce",
        edits=10,
        status="skipped",
        reason="uce has no way to rectify",
    )
    return Result(
        suite="emoji",
        title="emoji: the bundled model",
        split="test",
        complete=True,
        settings={"seed": 0, "steps": 20, "guidance": None},
        provenance={"model": "emoji", "model_fingerprint": "f" * 64, "versions": {"overpaint": "0.1.0"}},
        judges=(Judge(name="emoji grader", details={"weights": "c" * 64}),),
        cases=(*cases, skipped),
    )
