"""Cases of several runs become one table: new ones replace old ones of the same name, and skipped ones replace none."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from overpaint.bench.results import Case, Figure, Item, Result, Row
from overpaint.errors import OverpaintError

ROOT = Path(__file__).parents[2]
EVIDENCE, PAGE = Path("docs/evidence/all-methods.json"), Path("README.md")


@pytest.fixture
def module(script: Callable[[str], Any]) -> Any:
    return script("emoji_kept")


def measured(method: str, edits: int, value: float, holdouts: int = 48) -> Case:
    figure = Figure(value=value, low=value - 0.1, high=value + 0.1, count=4)
    rows = tuple(Row(metric="P(source) left", group=group, figure=figure) for group in ("templates", "free form"))
    return Case(
        name=f"{method}/erasure/{edits}", task="erasure", method=method, edits=edits, verdict="holds",
        plan={"plans": [{"settings": {"precision": "bfloat16"}}] * 2}, patch="one+two", seconds={"fit": 3.0}, rows=rows,
        settings={"hold-outs drawn": holdouts}, items=(Item(group="a", unit="b", subject="c", prompt="d", seed=0),),
    )  # fmt: skip


def skipped(method: str, edits: int) -> Case:
    name = f"{method}/erasure/{edits}"
    return Case(name=name, task="erasure", method=method, edits=edits, status="skipped", reason="about 900 s")


def result(*cases: Case, precision: str = "float32", split: str = "test") -> Result:
    settings = {"seed": 0, "steps": 20, "guidance": None, "precision": precision}
    provenance = {"model": "emoji", "model_fingerprint": "0", "versions": {"overpaint": "0.1.0", "torch": precision}}
    return Result(suite="all methods", title="", split=split, settings=settings, provenance=provenance, cases=cases)


def test_runs_of_any_precision_meet_in_one_table_case_by_case(module: Any) -> None:
    old = module.kept(result(measured("sld", 1, 0.3), measured("esd-x", 10, 0.4), precision="bfloat16"), {})
    new = module.kept(result(measured("sld", 1, 0.5), skipped("esd-x", 10), measured("esd-x", 1, 0.6)), {})
    found = module.merged([old, new])
    assert [case.name for case in found.cases] == ["esd-x/erasure/1", "esd-x/erasure/10", "sld/erasure/1"]
    assert [case.rows[0].figure.value for case in found.cases] == [0.6, 0.4, 0.5]
    assert [case.settings["drawing precision"] for case in found.cases] == ["float32", "bfloat16", "float32"]
    assert module.merged([found, new]) == found
    assert module.merged([module.kept(result(skipped("sld", 1)), {}), new]).case("sld/erasure/1") in new.cases


def test_of_a_case_the_shown_figures_are_kept_and_what_its_patches_say(module: Any) -> None:
    patches = {"one": module.Weighed(1000000, "bfloat16"), "two": module.Weighed(3000000, "bfloat16")}
    (case,) = module.kept(result(measured("esd-x", 1, 0.4)), patches).cases
    assert [(row.metric, row.group) for row in case.rows] == [("P(source) left", "templates")]
    assert (case.plan, case.items) == (None, ())
    assert case.settings == {
        "hold-outs drawn": 48, "drawing precision": "float32", "fit precision": "bfloat16", "MB": 2.0,
        "set": {"precision": "bfloat16"}, "overpaint": "0.1.0",
    }  # fmt: skip
    assert module.fit_seconds(case) == 1.5


def test_what_cannot_be_compared_is_refused(module: Any) -> None:
    one = module.kept(result(measured("sld", 1, 0.3)), {})
    with pytest.raises(OverpaintError, match=r"^split: two results differ; give the same options"):
        module.merged([one, module.kept(result(split="validation"), {})])
    with pytest.raises(OverpaintError, match=r"^sld/erasure/1: 9 hold-outs drawn, and 48 before; draw as many"):
        module.merged([one, module.kept(result(measured("sld", 1, 0.3, holdouts=9)), {})])


def merge(script: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, folder: Path, *results: Path) -> Path:
    page = folder / PAGE
    words = ["--evidence", folder / EVIDENCE, "--into", page, "--plot", folder / "docs/images/all_methods.svg"]
    words += ["--out", folder / "out", "--merge", *results]
    monkeypatch.setattr(sys, "argv", ["all_methods.py", *map(str, words)])
    script("all_methods").main()
    return page


def test_the_page_shows_what_the_evidence_holds(
    script: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / EVIDENCE).parent.mkdir(parents=True)
    shutil.copy(ROOT / EVIDENCE, tmp_path / EVIDENCE)
    shutil.copy(ROOT / PAGE, tmp_path / PAGE)
    page = merge(script, monkeypatch, tmp_path)
    again = "python benchmarks/all_methods.py --evidence FILE --merge --into README.md --plot PICTURE makes it anew"
    assert page.read_text() == (ROOT / PAGE).read_text(), again
    assert (tmp_path / EVIDENCE).read_text() == (ROOT / EVIDENCE).read_text()


def test_a_run_is_merged_without_running_anything(
    script: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / EVIDENCE).parent.mkdir(parents=True)
    (tmp_path / PAGE).write_text("<!-- all methods -->\n<!-- /all methods -->\n")
    with pytest.raises(OverpaintError, match="--merge: nothing to show"):
        merge(script, monkeypatch, tmp_path)
    reason = "erase 'pie': the names do not fit; make fewer"
    refused = skipped("sld", 10).model_copy(update={"reason": reason})
    one = result(measured("esd-x", 1, 0.4), refused).write(tmp_path / "run" / "result.json")
    merge(script, monkeypatch, tmp_path, one)
    two = result(measured("esd-x", 1, 0.5), precision="bfloat16").write(tmp_path / "other" / "result.json")
    rows = [line for line in merge(script, monkeypatch, tmp_path, two).read_text().splitlines() if "erasure" in line]
    assert rows == [
        "| esd-x | 1 erasure | holds | - | - | 0.500 [0.400, 0.600] | - | 1.5 | - | bfloat16 |",
        "| sld | 10 erasures | skipped: the names do not fit | - | - | - | - | - | - | - |",
    ]
    assert Result.read(tmp_path / EVIDENCE).case("sld/erasure/10").reason == reason
