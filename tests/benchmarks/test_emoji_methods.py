"""The benchmarks that compare methods, on a painter that draws what pretended methods make of it."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from overpaint.bench.results import Case
from overpaint.bench.suites.emoji.world import Size
from overpaint.bench.suites.suite import Spec
from overpaint.errors import OverpaintError, PlanError
from overpaint.methods import METHODS
from overpaint.methods.closed_form.config import UceConfig
from overpaint.methods.work import Work
from overpaint.plan import Plan
from tests.bench.worlds import Painter, Reader, Swap, small_world
from tests.methods.tiny import TEMPLATES, tiny_backbone

FOLDER = Path(__file__).parents[2] / "benchmarks"
VOCABULARY = small_world()
SMALL = Size(
    replacements=(1, 8), singles=2, drawn=4, free_form=1, aliases=1, neighbours=0, holdouts=10, holdout_templates=1,
    single_holdouts=5, together=3, category=2, pictures=2, categories=1,
)  # fmt: skip


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What was fitted, with a perfect method in the place of all."""
    seen: list[str] = []

    class Fits:
        def __init__(self, *_: Any) -> None:
            pass

        def fit(self, pipe: Any, plan: Plan) -> tuple[Swap, float]:
            seen.append(f"{plan.method} {len(plan.edits)}")
            if plan.method == "negative" and len(plan.edits) > 2:
                raise PlanError("too long for the window; shorten it")
            first = VOCABULARY.concepts[0].name
            names = [name for edit in plan.edits for name in edit.edited]
            goals = [next(iter(edit.destinations), first) for edit in plan.edits for _ in edit.edited]
            return Swap(dict(zip(names, goals, strict=True))), 30.0

    painter: Any = Painter(VOCABULARY)
    painter.text = None
    scores = tmp_path / "scores.json"
    scores.write_text(json.dumps({"concepts": {concept.name: 0.9 for concept in VOCABULARY.concepts}}))
    monkeypatch.syspath_prepend(str(FOLDER))
    common = importlib.import_module("emoji_methods")
    monkeypatch.setattr(common, "open_backbone", lambda *_: painter)
    monkeypatch.setattr(common, "grader_for", lambda _: Reader(VOCABULARY))
    monkeypatch.setattr(common, "share_counter", counter_for)
    monkeypatch.setattr(common, "QUICK", SMALL)
    monkeypatch.setattr("overpaint.bench.suites.run.Fits", Fits)
    monkeypatch.setattr("overpaint.bench.suites.cost._fits", lambda *_: Work())
    return seen


def counter_for(_: Any, plan: Plan, *__: Any) -> SimpleNamespace | None:
    return SimpleNamespace(pictures=50) if any(edit.over for edit in plan.edits) else None


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, *words: str) -> str:
    scores = str(folder / "scores.json")
    said = [f"{name}.py", "--quick", "--out", str(folder / name), "--scores", scores, *words]
    monkeypatch.setattr(sys, "argv", said)
    importlib.import_module(name).main()
    return (folder / name / "table.md").read_text()


def test_every_method_has_its_rows_and_nothing_is_done_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fitted: list[str]
) -> None:
    words = ["--edits", "1", "--edits", "8", "--edits", "9"]
    for method in ("uce", "negative"):
        words += ["--method", method]
    table = run(monkeypatch, tmp_path, "all_methods", *words, "--budget", "100")
    rows = [line for line in table.splitlines() if line.startswith(("| uce", "| negative"))]
    assert [row.split(" | ")[1] for row in rows] == [
        "1 replacement", "8 replacements", "9 replacements", "1 erasure", "8 erasures", "9 erasures"
    ]  # fmt: skip
    assert "skipped: about 240 s " in rows[1]
    assert "1.000" in rows[0]
    assert fitted == ["uce 1", "negative 1"]
    assert run(monkeypatch, tmp_path, "all_methods", *words, "--budget", "100") == table
    assert len(fitted) == 2
    refused = run(monkeypatch, tmp_path, "all_methods", *words)
    assert "skipped: too long for the window" in refused


def test_a_page_gets_the_table_between_its_marks_and_a_plot(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fitted: list[str]
) -> None:
    page, picture = tmp_path / "page.md", tmp_path / "docs" / "curves.svg"
    page.write_text("before\n<!-- all methods -->\nsuperseded\n<!-- /all methods -->\nafter\n")
    words = ["--method", "uce", "--edits", "1", "--edits", "8", "--into", str(page), "--plot", str(picture)]
    table = run(monkeypatch, tmp_path, "all_methods", *words)
    content = page.read_text()
    assert content.startswith("before\n<!-- all methods -->")
    assert content.endswith("<!-- /all methods -->\nafter\n")
    assert "superseded" not in content
    assert table in content
    assert "(docs/curves.svg)" in content
    drawn = picture.read_bytes()
    assert b"hold-outs, relative change" in drawn or drawn.count(b"<path") > 10
    run(monkeypatch, tmp_path, "all_methods", *words)
    assert (page.read_text(), picture.read_bytes()) == (content, drawn)
    page.write_text("no marks")
    with pytest.raises(OverpaintError, match="write <!-- all methods -->"):
        run(monkeypatch, tmp_path, "all_methods", *words)


@pytest.mark.parametrize("name", ["all_methods", "esd_bars", "professions", "moderate"])
def test_a_dry_run_says_what_is_left_and_does_none_of_it(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fitted: list[str],
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    costs = importlib.import_module("emoji_costs")
    monkeypatch.setattr(costs, "evaluations", lambda _, plan: 1000 * len(plan.edits))
    few = UceConfig(count_pictures=50)
    monkeypatch.setattr("overpaint.bench.counting.configure", lambda plan, backbone: few)
    module = importlib.import_module(name)
    words = {"all_methods": ["--edits", "8", "--method", "uce"], "esd_bars": ["--part", "erasure"]}
    said = [f"{name}.py", "--quick", "--out", str(tmp_path / name), "--scores", str(tmp_path / "scores.json")]
    monkeypatch.setattr(sys, "argv", [*said, *words.get(name, ["--method", "uce"]), "--dry-run"])
    module.main()
    output = capsys.readouterr().out
    assert "0 finished, 0 too long" in output
    assert "unedited" in output
    assert not fitted
    assert not (tmp_path / name).exists()
    counted = METHODS["uce"].counted(few) * len(VOCABULARY.by_profession)
    assert (f" {counted:,} " in output) == (name == "professions")
    if name == "esd_bars":  # two erasures alone and three together
        assert output.count("5,000") == 2


@pytest.mark.parametrize(
    ("name", "method", "says"), [("professions", "uce", "after"), ("moderate", "esd-x", "category named")]
)
def test_debiasing_and_moderation_are_told_by_method(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fitted: list[str], name: str, method: str, says: str
) -> None:
    table = run(monkeypatch, tmp_path, name, "--method", method)
    assert says in table
    assert f"| {method} | " in table
    assert " ✓" in table or " ✗" in table
    # of what the members are drawn as by the unedited model nothing is left
    assert name == "professions" or "| unedited | 0.900 [0.900, 0.900] | " in table
    assert fitted


def test_erasures_by_esd_stand_beside_their_bars(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fitted: list[str]
) -> None:
    table = run(monkeypatch, tmp_path, "esd_bars", "--part", "erasure")
    rows = [line for line in table.splitlines() if line.startswith("| esd")]
    assert [row.split(" | ")[0].strip("| ") for row in rows] == ["esd-x", "esd-x", "esd-u", "esd-u"]
    assert all(row.count("✓") == 2 for row in rows)  # sources gone, hold-outs kept
    assert fitted == ["esd-x 1"] * 2 + [f"esd-x {SMALL.together}"] + ["esd-u 1"] * 2 + [f"esd-u {SMALL.together}"]
    compared = (tmp_path / "esd_bars" / "compared.md").read_text()
    assert "| aliases | 0.000 [0.000, 0.000] n=2 |" in compared


def test_ways_to_find_a_value_are_compared_in_text_and_in_pictures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fitted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    module = importlib.import_module("stage_one")
    asked: list[dict[str, Any]] = []

    def row(self: Any, settings: dict[str, Any]) -> list[str]:
        asked.append(self.plan(settings).settings)
        return ["0"]

    monkeypatch.setattr(module.Asked, "row", row)
    words = ["--way", "copy", "--way", "states", "--edits", "8", "--pictures", "4", "--set", "lambda=3"]
    table = run(monkeypatch, tmp_path, "stage_one", *words)
    assert asked == [{"lambda": 3, **module.WAYS[name]} for name in ("copy", "states")]
    assert "8 edits, validation split, seed 1" in capsys.readouterr().out
    assert [line.split(" | ")[0] for line in table.splitlines()[4:]] == ["| copy", "| states"]
    assert fitted == ["emcid 8"] * 2


def test_what_is_left_is_all_without_an_edit_and_nothing_for_the_destination(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    module = importlib.import_module("stage_one")
    found: Any = SimpleNamespace(bench=SimpleNamespace(backbone=tiny_backbone()))
    text = found.bench.backbone.text
    states, prompts = module.read(found, [("dog", "cat"), ("hens", "pizza")], TEMPLATES, {"text_encoder": 1})
    torch.testing.assert_close(module.left(text, states, prompts), torch.ones(2))
    wanted = [prompt.replace("dog", "cat").replace("hens", "pizza") for prompt in prompts]
    assert module.left(text, states, wanted).abs().max() < 1e-5


def test_a_setting_goes_to_the_methods_that_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    common = importlib.import_module("emoji_methods")
    settings = {"precision": "bfloat16", "batch": 2}
    assert common.own("emcid", settings).keys() == {"precision"} | ({"batch"} & _fields("emcid"))
    assert common.own("uce", settings).keys() == settings.keys() & _fields("uce")
    assert "precision" not in common.own("uce", settings)


def _fields(method: str) -> set[str]:
    return set(METHODS[method].config.model_fields)


def test_a_method_that_shares_its_work_is_judged_by_it_and_not_by_the_number_of_edits(script: Any) -> None:
    affordable = script("all_methods").affordable
    done = [Case(name="esd-x/erasure/1", task="erasure", method="esd-x", edits=1, seconds={"fit": 100.0})]
    ten = Spec("esd-x/erasure/10", "erasure", 10, (), lambda _: iter(()), "esd-x")
    assert affordable(ten, done, 200.0, {"esd-x/erasure/1": 10, "esd-x/erasure/10": 18}) is ten
    assert affordable(ten, done, 170.0, {"esd-x/erasure/1": 10, "esd-x/erasure/10": 18}).skip == "about 180 s"
    assert affordable(ten, done, 200.0, {}).skip == "about 1,000 s"
