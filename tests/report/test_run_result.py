from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from overpaint.errors import RunError
from overpaint.patch import LowRank, Patch
from overpaint.plan import Plan
from overpaint.provenance import Provenance
from overpaint.report.run_result import result_of_run
from overpaint.runs import RunFolder
from tests.report.worlds import case, suite

PLAN = Plan.parse({"edits": [{"replace": "pizza", "with": "guitar"}]})
PROVENANCE = Provenance("emoji", "f" * 64, "emcid", {"steps": 60}, 0, {"overpaint": "0.1.0"})


def figure(name: str, value: float | None, **fields: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "low": value, "high": value, "count": 3, "missing": 0, "bar": None, **fields}


def run(folder: Path, metrics: dict[str, Any] | None) -> Path:
    class Empty:
        def save(self, path: Path) -> None:
            path.write_bytes(b"")

    with RunFolder.create(folder, PLAN, PROVENANCE) as work:
        work.save_patch(Empty())
        if metrics is not None:
            work.save_metrics(metrics)
        work.finish(patch="a" * 64)
    return folder


def metrics(change: float) -> dict[str, Any]:
    return {
        "figures": [
            figure("templates: P(destination) / C", 0.9, bar=0.95),
            figure("templates: P(source) left", 0.1),
            figure("hold-outs: relative change of P(true)", change, bar=-0.02),
        ],
        "settings": {"seed": 0, "drawing": {"steps": 20}},
        "details": {"edits": [], "hold-outs": {"tiger": {"before": 0.9, "after": 0.1}}},
    }


def test_words_that_were_found_are_said(tmp_path: Path) -> None:
    plan = Plan.parse({"edits": [{"replace": "pizza", "with": "guitar"}], "other_words": True})
    done = {"plan": {"edits": [{"replace": "pizza", "with": "guitar", "also": ["flatbread"]}]}}
    patch = Patch({"w": LowRank(torch.ones(2, 1), torch.ones(1, 2))}, {"w": "f" * 64}, done)
    with RunFolder.create(tmp_path, plan, Provenance("emoji", "f" * 64, "emcid", {}, 0, {})) as work:
        work.save_patch(patch)
        work.finish(patch=patch.hash)
    result = result_of_run(tmp_path)
    assert result.title == "Replace pizza, flatbread with guitar"
    assert Plan.parse(result.cases[0].plan or {}).edits[0].also == ("flatbread",)


def test_a_run_becomes_one_case(tmp_path: Path) -> None:
    result = result_of_run(run(tmp_path, metrics(-0.01)))
    (case,) = result.cases
    assert (case.method, case.edits, case.patch, case.verdict) == ("emcid", 1, "a" * 64, "holds")
    assert case.row("P(destination) / C", "templates").met is False
    assert case.row("P(source) left", "templates").better == "lower"
    assert case.row("hold-out change", "hold-outs").unit == "relative"
    assert [(item.unit, item.scores["P(tiger)"].after) for item in case.items] == [("tiger", 0.1)]
    assert Plan.parse(case.plan or {}) == PLAN
    assert result.complete
    assert result.title == "Replace pizza with guitar"
    assert result.provenance["model_fingerprint"] == "f" * 64


@pytest.mark.parametrize(("change", "verdict"), [(-0.9, "broken"), (-0.1, "damaged")])
def test_the_holdouts_decide_the_verdict(tmp_path: Path, change: float, verdict: str) -> None:
    assert result_of_run(run(tmp_path, metrics(change))).cases[0].verdict == verdict


def test_a_run_that_was_not_evaluated_is_not_judged(tmp_path: Path) -> None:
    (case,) = result_of_run(run(tmp_path, None)).cases
    assert (case.verdict, case.rows, case.items) == ("unknown", (), ())


def test_a_run_that_failed_says_why(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="boom"), RunFolder.create(tmp_path, PLAN, PROVENANCE):
        raise ValueError("boom")
    (case,) = result_of_run(tmp_path).cases
    assert (case.status, case.reason) == ("failed", RunFolder.open(tmp_path).failure)
    assert "boom" in case.reason


def test_a_result_file_goes_first(tmp_path: Path) -> None:
    run(tmp_path, metrics(-0.9))
    suite(tmp_path, case(tmp_path))
    assert result_of_run(tmp_path).cases[0].verdict == "holds"


def test_damaged_figures_are_one_line(tmp_path: Path) -> None:
    run(tmp_path, metrics(0.0))
    for content in (json.dumps({"figures": [{}]}), "[" * 9000 + "]" * 9000, '{"figures": NaN}'):
        (tmp_path / "metrics.json").write_text(content)
        with pytest.raises(RunError, match=r"metrics\.json"):
            result_of_run(tmp_path)
