"""What is written is what was meant."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overpaint.errors import PlanError
from overpaint.plan import KINDS, Plan
from overpaint.plan.checks import folded
from tests.plan.reader import read
from tests.plan.strategies import names, plans


@pytest.mark.parametrize("ending", ["yaml", "json"])
@given(plan=plans())
@settings(max_examples=60, deadline=None)
def test_a_plan_survives_being_written(ending: str, plan: Plan) -> None:
    with tempfile.TemporaryDirectory() as folder:
        back = Plan.read(plan.write(Path(folder) / f"plan.{ending}"))
    assert back == plan
    assert back.fingerprint() == plan.fingerprint()
    assert Plan.parse(plan.to_data()) == plan


@given(
    st.lists(st.tuples(names, names), min_size=1, max_size=8, unique_by=lambda pair: folded(pair[0])),
    st.sampled_from(["\n", "\r\n"]),
)
@settings(max_examples=60, deadline=None)
def test_names_come_through_a_table_as_they_are(pairs: list[tuple[str, str]], end: str) -> None:
    sources = {folded(source) for source, _ in pairs}
    pairs = [(source, name) for source, name in pairs if folded(name) not in sources]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.csv"
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.writer(file, lineterminator=end)
            writer.writerows([("source", "destination"), *pairs])
        if not pairs:
            with pytest.raises(PlanError, match="no edits"):
                Plan.read(path)
            return
        plan = Plan.read(path)
    assert [(edit.source, edit.destination) for edit in plan.edits] == pairs
    assert [edit.where.line for edit in plan.edits if edit.where] == list(range(2, len(pairs) + 2))


def test_words_mean_what_yaml_1_2_and_json_say() -> None:
    plan = read(
        "settings: {rate: 1e-4, on: yes, n: 010}\n"
        "edits: [{erase: no}, {erase: 007}, {erase: 2024-01-01}, {erase: 1e5}, {erase: 'null'}]",
        "yaml",
    )
    assert [edit.source for edit in plan.edits] == ["no", "007", "2024-01-01", "1e5", "null"]
    assert plan.settings == {"rate": 1e-4, "on": "yes", "n": 10}


def test_json_with_tabs_escapes_and_lines() -> None:
    plan = read('{\n\t"edits": [\n\t\t{"erase": "\\ud83c\\udf55 \\u00e9", "to": null}\n\t]\n}', "json")
    assert plan.edits[0].source == "🍕 é"
    assert plan.edits[0].at.endswith("plan.json:3")


def test_the_nearer_word_wins_for_kind_and_prompts() -> None:
    plan = read(
        "kind: style\nprompts: ['x {}']\nedits: [{erase: a}, {erase: b, kind: object}, {erase: c, prompts: 'y {}'}]",
        "yaml",
    )
    assert [edit.kind for edit in plan.edits] == ["style", "object", "style"]
    assert [edit.prompts for edit in plan.edits] == [("x {}",), KINDS["object"].prompts, ("y {}",)]
    assert read("kind: style\nedits: [{erase: a}]", "yaml").edits[0].prompts == KINDS["style"].prompts


def test_pictures_and_tables_are_looked_for_beside_the_plan(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"1")
    (tmp_path / "more.csv").write_text("source,destination\na,b\nc,\n")
    (tmp_path / "a.yaml").write_text("edits: [{rectify: cat, images: cat.png}]")
    assert Plan.read(tmp_path / "a.yaml").edits[0].images == (tmp_path / "cat.png",)
    (tmp_path / "b.yaml").write_text("edits: more.csv\nseed: 3")
    with pytest.raises(PlanError, match=r"more\.csv:3: replace 'c' has no destination"):
        Plan.read(tmp_path / "b.yaml")


def test_places_of_settings_are_known() -> None:
    plan = read("edits: [{erase: pizza}]\nsettings:\n  rate: 1\n  deep:\n    steps: 2\n", "yaml")
    assert plan.at("settings.rate").endswith("plan.yaml:3")
    assert plan.at("settings.deep.steps").endswith("plan.yaml:5")
    assert plan.at("settings.unknown").endswith("plan.yaml:3")
    assert plan.at("model") == "model"
