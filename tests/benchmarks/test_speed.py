"""The page on speed says what was measured, and what was not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks.gpu_cost import Parts, estimated
from benchmarks.measuring import Clock, Evaluations
from benchmarks.speed import apart, asked, gather, in_rounds, scaled
from benchmarks.speed_page import page, write_page

from overpaint.patch import Dense, Patch
from overpaint.plan import Plan
from tests.methods.emcid.test_fit import plan_of
from tests.methods.tiny import CAPTIONS, tiny_backbone


def row(preset: str, concepts: int, one: float, two: float) -> dict[str, Any]:
    return {
        "preset": preset,
        "concepts": concepts,
        "stage one": one,
        "stage two": two,
        "evaluations": 0,
        "megabytes": 5.0,
    }


COSTS = {
    "model": "emoji",
    "machine": {"cores": 2, "threads": 1, "processor": "x86_64", "torch": "2"},
    "moments": [{"preset": "emcid", "seconds": 7.0}],
    "rows": [
        row("emcid", 10, 3.0, 1.0) | {"one more": 0.25},
        row("emcid", 100, 20.0, 10.0),
        row("emcid-paper", 10, 39.0, 1.0),
        {"preset": "emcid-paper", "concepts": 100, "skipped": "about 400 s"},
    ],
    "rounds": [{"method": "emcid", "concepts": 100, "apart": 0.02, "same hash": False}],
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A random model, and plans of words that it can read."""
    pairs = {f"x{i}": "cat" for i in range(20)}

    def plan(model: str, preset: str, number: int, seed: int) -> Plan:
        return plan_of(dict([*pairs.items()][:number]), preset, settings={"steps": 2, "draws": None}, seed=seed)

    monkeypatch.setattr("benchmarks.speed.opened", lambda _: tiny_backbone())
    monkeypatch.setattr("benchmarks.speed.plan_of", plan)
    for place in ("benchmarks.speed.captions_for", "overpaint.methods.emcid.fit.captions_for"):
        monkeypatch.setattr(place, lambda *_: CAPTIONS)


def test_costs_are_counted_and_memories_serve_again(small: None, tmp_path: Path) -> None:
    same = {"moments": tmp_path, "seed": 0, "threads": torch.get_num_threads()}
    gather("", "emcid", tmp_path, 0, same["threads"])
    moments = sorted(path.name for path in tmp_path.iterdir())
    assert len(moments) == 2 * 2  # two blocks, each with its factor
    found = asked("", "emcid", 2, **same)
    # for each concept and prompt: 2 guided steps of a picture, then twice the teacher and the trained student
    assert found["evaluations"] == 2 * 3 * (2 * 2 + 2 * (1 + 3))
    assert min(found[name] for name in ("stage one", "stage two", "one more", "one less")) > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == moments
    assert asked("", "emcid-copy", 1, **same)["evaluations"] == 0
    for method in ("emcid", "emcid-copy"):
        rounds = in_rounds("", method, 20, **same)
        assert (rounds["method"], rounds["concepts"]) == (method, 20)
        assert rounds["apart"] < 0.01


def test_what_takes_too_long_is_left_out_and_said() -> None:
    rows = scaled("emcid", [1, 10, 100], 50, lambda n: {"stage one": 3.0 * n, "stage two": n})
    assert [set(row) - {"preset", "concepts"} for row in rows] == [{"stage one", "stage two"}] * 2 + [{"skipped"}]
    assert rows[2]["skipped"] == "about 400 s"


def test_the_page_has_figures_and_gaps(tmp_path: Path) -> None:
    (tmp_path / "costs.json").write_text(json.dumps(COSTS))
    text = write_page(tmp_path, tmp_path / "docs").read_text()
    assert "| `emcid` | 10 | 3.00 | 1.00 | 0.400 | 0 | 5 | 0.25 | - |" in text
    assert "| `emcid-paper` | 100 | not measured: about 400 s | - |" in text
    assert "| 10 | `emcid` | 10 | 13.0 | 10.0 |" in text
    assert "| 100 | `emcid` | 10 | 19.5 | 13.3 |" in text
    assert "2.0e-02 apart, relative to their size (bar 0.01: missed)" in text
    assert text.count("Not measured yet.") == 3
    assert (tmp_path / "docs/images/speed.svg").read_text().startswith("<?xml")


def test_every_part_of_the_page_is_told() -> None:
    way = {"seconds": 4.0, "megabytes": 9.0}
    two: dict[str, Any] = {"concepts": 1000, "threads": 2, "torch": "2", "bar": 10.0}
    two["rows"] = {"published": way | {"seconds": 80.0, "computed": 2, "of": 11}, "stream, factors computed": way}
    two["rows"]["stream, factors computed"] |= {"faster": 20.0}
    company = {"processes": 3, "killed": 1, "concepts": 200, "learned twice or more": 4, "equal": [True, True]}
    kills = [{"memories": 3, "equal": True}, {"memories": 9, "equal": False}]
    lost = {"concepts": 200, "kills": kills, "company": company, "disk": "not measured: mount failed"}
    text = page({"stage_two": two, "nothing_lost": lost, "gpu_cost": estimated(Parts(1e12, 2e12, 3e12, 1e9), 0.5)})
    assert "80.0 (from 2 of 11 blocks)" in text
    assert "Bar, 10 times for the default: met." in text
    assert "1 of 2 resumes end with the hash of the unbroken run" in text
    assert "Full disk: not measured: mount failed." in text
    assert "**No measurement.**" in text
    assert text.count("Not measured yet.") == 1


def test_the_estimate_grows_with_concepts_and_needs_no_denoiser_for_copies() -> None:
    none, all_of_it = Parts(0.0, 0.0, 0.0, 1e9), Parts(1e12, 2e12, 3e12, 1e9)
    rows = {(row["preset"], row["concepts"]): row for row in estimated(all_of_it, 0.5)["rows"]}
    free = {(row["preset"], row["concepts"]): row for row in estimated(none, 0.5)["rows"]}
    assert rows["emcid-copy", 10]["stage one"] == free["emcid-copy", 10]["stage one"]
    assert rows["emcid", 1000]["stage one"] == pytest.approx(1000 * rows["emcid", 1]["stage one"])
    # three pictures of fifty guided steps and their round trip, 200 steps of teacher and trained student
    unet = 3 * (50 * 2 + 200 * (1 + 1 + 2))
    added = rows["emcid-paper", 1]["stage one"] - free["emcid-paper", 1]["stage one"]
    assert added == pytest.approx(unet * 1e12 + 3 * (2e12 + 3e12))


def test_clocks_and_counters_see_what_happens() -> None:
    clock, seen = Clock(), Evaluations()
    with clock.task("a"), clock.task("b") as advance:
        advance(3, note="x")
    assert set(clock.seconds) == {"a", "b"}
    layer = torch.nn.Linear(3, 3)
    with seen.of(layer):
        layer(torch.zeros(5, 3))
        with torch.no_grad():
            layer(torch.zeros(7, 3))
    layer(torch.zeros(9, 3))
    assert seen.count == 3 * 5 + 7


def test_changes_are_compared_by_their_size() -> None:
    one, other = (Patch({"w": Dense(torch.full((2, 2), value))}, {"w": "f" * 32}) for value in (1.1, 1.0))
    assert apart(one, other) == pytest.approx(0.1, rel=1e-4)
