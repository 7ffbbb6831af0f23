"""What the table of all methods keeps of runs: every case's shown figures, to be merged with those of other runs.

A file of evidence is a `Result` whose cases come from several runs. What a run says of all its cases, and another run
may say otherwise, stands in each case's settings:

    drawing precision   arithmetic of the pictures
    fit precision       of the denoiser while the patch was made, where the method has a choice
    MB                  of a patch's file, on average
    set                 settings that the run gave the method
    overpaint           version
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from overpaint.bench.results import Case, Result
from overpaint.errors import OverpaintError, PatchError
from overpaint.guards import load_change

__all__ = ["FIGURES", "METHODS", "Weighed", "fit_seconds", "kept", "merged", "weigh"]

METHODS = (
    "emcid", "emcid-paper", "emcid-copy", "gates", "uce", "uce-paper", "time", "rece", "speed", "oce", "mace-cfr",
    "refact", "ablation", "ablation-noise", "esd-x", "esd-x-strict", "esd-u", "esd-all", "esd-selfattn", "sld",
    "sld-weak", "sld-strong", "sld-max", "negative",
)  # fmt: skip
"""In the table's order."""
FIGURES = (
    ("P(destination) / C", "templates"),
    ("P(destination) / C", "free form"),
    ("P(source) left", "templates"),
    ("hold-out change", "hold-outs"),
)
"""Metric and group of what the table shows."""
_SAME = ("seed", "concepts known", "steps", "guidance")
"""Settings of a run that all cases of one table share."""
_DRAWN = ("edits drawn", "hold-outs drawn")


class Weighed(NamedTuple):
    """A patch's file: bytes, and the precision of its fit if its method has a choice."""

    size: int
    precision: str | None


def weigh(folder: Path, known: dict[Path, tuple[str, Weighed]]) -> dict[str, Weighed]:
    """All patches of a folder by hash; ``known`` has those that were read before, and gets the others."""
    for path in set(folder.glob("*.safetensors")) - known.keys():
        with suppress(PatchError):
            change = load_change(path)
            precision = change.provenance.get("settings", {}).get("precision")
            known[path] = change.hash, Weighed(path.stat().st_size, precision)
    return dict(known.values())


def kept(result: Result, patches: Mapping[str, Weighed]) -> Result:
    """What is kept of a run, as a file of evidence has it."""
    return result.model_copy(
        update={
            "settings": {name: result.settings.get(name) for name in _SAME},
            "provenance": {name: result.provenance.get(name) for name in ("model", "model_fingerprint")},
            "cases": tuple(_kept(case, result, patches) for case in result.cases),
        }
    )


def _kept(case: Case, result: Result, patches: Mapping[str, Weighed]) -> Case:
    notes: dict[str, Any] = {}
    if case.status == "measured":
        made = [patches[name] for name in _hashes(case) if name in patches]
        notes["drawing precision"] = result.settings.get("precision")
        notes["fit precision"] = next((one.precision for one in made), None)
        notes["MB"] = round(sum(one.size for one in made) / len(made) / 1e6, 6) if made else None
    asked = case.plan or {}
    notes["set"] = asked.get("plans", [asked])[0].get("settings")
    notes["overpaint"] = result.provenance.get("versions", {}).get("overpaint")
    settings = {**case.settings, **{name: value for name, value in notes.items() if value not in (None, {})}}
    rows = tuple(row for row in case.rows if (row.metric, row.group) in FIGURES)
    return case.model_copy(update={"plan": None, "items": (), "rows": rows, "settings": settings})


def merged(results: Sequence[Result]) -> Result:
    """The cases of all, each as the last result has it, in the methods' order; what was skipped replaces no figures.

    Raises:
        OverpaintError: the results are not of one model, split and seed, judged by one grader, or a case was drawn with
            other counts before.
    """
    first, cases = results[0], dict[str, Case]()
    for result in results:
        for what in ("suite", "split", "settings", "provenance", "judges"):
            if getattr(result, what) != getattr(first, what):
                raise OverpaintError(f"{what}: two results differ; give the same options, or keep them in two tables")
        for case in result.cases:
            before = cases.get(case.name)
            if before is not None and before.status == "measured":
                if case.status == "skipped":
                    continue
                _comparable(before, case)
            cases[case.name] = case
    return first.model_copy(update={"cases": tuple(sorted(cases.values(), key=_place)), "complete": True})


def _comparable(before: Case, case: Case) -> None:
    for what in _DRAWN if case.status == "measured" else ():
        if before.settings.get(what) != case.settings.get(what):
            raise OverpaintError(
                f"{case.name}: {case.settings.get(what)} {what}, and {before.settings.get(what)} before; draw as many"
            )


def _place(case: Case) -> tuple[int, bool, int]:
    method = case.method or ""
    return METHODS.index(method) if method in METHODS else len(METHODS), case.task == "erasure", case.edits


def fit_seconds(case: Case) -> float:
    """Seconds of one patch: single edits are fitted each by itself."""
    return case.seconds.get("fit", 0.0) / max(1, len(_hashes(case)))


def _hashes(case: Case) -> list[str]:
    return (case.patch or "").split("+")
