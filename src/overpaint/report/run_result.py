"""A run's result: the file that it holds, or what can be said from its plan and figures where it holds none.

Such a run was not evaluated, or before there were result files; its hold-outs are shown in numbers, without pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from overpaint.bench.results import Better, Case, Figure, Item, Judge, Result, Row, Shift
from overpaint.bench.verdict import verdict
from overpaint.errors import RunError
from overpaint.plan import Plan
from overpaint.plan.words import asked
from overpaint.report.metrics import HOLD_OUTS
from overpaint.runs import RunFolder
from overpaint.runs.record import METRICS

__all__ = ["EDIT", "RESULT", "result_of_run", "run_result"]

RESULT, EDIT = "result.json", "edit"
"""The name of the file, and the task of a person's own run."""
NO_SEED = 0
NAMES = {"relative change of P(true)": "hold-out change"}
"""Figures that suites call otherwise."""
BETTER: dict[str, Better] = {
    "hold-out change": "zero",
    "P(destination) / C": "higher",
    "P(destination)": "higher",
    "P(source) left": "lower",
}


def result_of_run(path: Path) -> Result:
    """The result in a run's folder.

    Raises:
        OverpaintError: the run or its figures are damaged.
    """
    if (path / RESULT).is_file():
        return Result.read(path / RESULT)
    return run_result(RunFolder.open(path))


def run_result(run: RunFolder, items: tuple[Item, ...] = (), judge: Judge | None = None) -> Result:
    """A result of one case from a run's plan, record and figures.

    Arguments:
        items: pictures that were drawn for it.
        judge: who read the figures.

    Raises:
        RunError: plan or figures are damaged.
    """
    plan, record, metrics = run.plan, run.record, run.metrics or {"figures": (), "settings": {}, "details": {}}
    if plan.other_words and run.patch_path.is_file():
        from overpaint.guards import load_change
        from overpaint.methods.words.widen import carried_out

        plan = carried_out(plan, load_change(run.patch_path).provenance)
    shown = {(item.group, item.unit) for item in items}
    try:
        rows = tuple(_rows(metrics, "" if judge is None else judge.name))
        graded = tuple(item for item in _graded(metrics) if (item.group, item.unit) not in shown)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise RunError(f"{run.path / METRICS} is damaged; delete it and run again to measure anew") from error
    case = Case(
        name=f"{record['method']}/{EDIT}/{len(plan.edits)}",
        task=EDIT,
        method=record["method"],
        edits=len(plan.edits),
        status="failed" if record["status"] == "failed" else "measured",
        reason=run.failure or "",
        verdict=verdict(rows),
        plan=plan.to_data(),
        patch=record["results"].get("patch"),
        settings=record["settings"],
        rows=rows,
        items=(*items, *graded),
    )
    known = ("model", "model_fingerprint", "seed", "versions", "started", "finished", "status")
    return Result(
        suite=EDIT,
        title=_title(plan),
        complete=run.finished,
        settings=metrics["settings"],
        provenance={name: record[name] for name in known if name in record},
        judges=() if judge is None else (judge,),
        cases=(case,),
    )


def _title(plan: Plan) -> str:
    first, more = asked(plan.edits[0]), len(plan.edits) - 1
    return first[0].upper() + first[1:] + (f", and {more} more" if more else "")


def _rows(metrics: Mapping[str, Any], judge: str) -> Iterator[Row]:
    """The figures, their names ("templates: P(source) left") taken apart into group and metric."""
    for given in metrics["figures"]:
        group, _, name = given["name"].rpartition(": ")
        metric = NAMES.get(name, name)
        values = {name: given[name] for name in ("value", "low", "high", "count", "missing")}
        unit = "relative" if name in NAMES else "ratio" if "/" in name else "probability"
        yield Row(
            metric=metric,
            group=group,
            figure=Figure(**values),
            better=BETTER.get(metric, "none"),
            unit=unit,
            judge=judge,
            bar=given["bar"],
        )


def _graded(metrics: Mapping[str, Any]) -> Iterator[Item]:
    """The hold-outs' scores."""
    for name, pair in metrics["details"].get(HOLD_OUTS, {}).items():
        yield Item(
            group=HOLD_OUTS, unit=name, subject=name, prompt=name, seed=NO_SEED, scores={f"P({name})": Shift(**pair)}
        )
