from __future__ import annotations

from pathlib import Path

import pytest

from overpaint.bench.results import Case
from overpaint.errors import OverpaintError
from overpaint.report.build import build
from overpaint.report.card import Card
from overpaint.report.evidence import gather
from tests.report.worlds import MARKUP, SCRIPT, TEMPLATE, case, result, row, suite


def card(*folders: Path) -> Card:
    return build(gather(folders))


def test_a_block_holds_the_methods_of_one_task_and_number_of_edits(tmp_path: Path) -> None:
    cases = [case(tmp_path, method, edits) for method in ("emcid", "uce") for edits in (2, 10)]
    found = card(suite(tmp_path, *cases))
    assert [block.title for block in found.blocks] == ["replacement, 2 edits", "replacement, 10 edits"]
    assert [[column.name for column in block.columns] for block in found.blocks] == [["emcid", "uce"]] * 2


def test_runs_of_one_method_are_told_apart_by_folder(tmp_path: Path) -> None:
    folders = [suite(tmp_path / name) for name in ("first", "second")]
    (block,) = card(*folders).blocks
    assert [column.name for column in block.columns] == ["emcid (first)", "emcid (second)"]
    assert len({id(shot.before) for gallery in block.galleries for shot in gallery.shots}) > 1


def test_own_runs_stand_side_by_side_whatever_they_asked_for(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second")]
    for edits, folder in zip((2, 5), folders, strict=True):
        suite(folder, case(folder, edits=edits).model_copy(update={"task": "edit"}))
    (block,) = card(*folders).blocks
    assert block.title == "2 and 5 edits"
    assert len(block.columns) == 2


def test_each_column_shows_its_own_pictures_of_the_same_prompt_and_seed(tmp_path: Path) -> None:
    one, other = suite(tmp_path / "one"), tmp_path / "other"
    changed = case(other, "uce")
    kept = tuple(i.model_copy(update={"after": i.before}) for i in changed.items)
    suite(other, changed.model_copy(update={"items": kept}))
    (block,) = card(one, other).blocks
    shot = block.galleries[0].shots[-1]
    first, second = shot.after
    assert first is not None
    assert second == shot.before != first


def test_plans_are_told_once_if_they_are_the_same(tmp_path: Path) -> None:
    (block,) = card(suite(tmp_path, case(tmp_path), case(tmp_path, "uce"))).blocks
    ((words, names),) = block.asked
    assert words.edits == ("replace pizza with guitar", f"replace {SCRIPT} with {TEMPLATE}")
    assert (words.preserved, names) == ((MARKUP,), "emcid, uce")


def test_lines_keep_the_order_of_the_page_and_gaps_are_gaps(tmp_path: Path) -> None:
    whole = case(tmp_path, "uce")
    extra = row("style kept", "hold-outs", [1.0])
    found = card(suite(tmp_path, case(tmp_path), whole.model_copy(update={"rows": (*whole.rows[1:], extra)})))
    tables = found.blocks[0].tables
    assert [table.title for table in tables] == ["What was edited", "Hold-outs", "All pictures"]
    changes, styles = tables[1].lines
    assert changes.cells[1] is None
    assert styles.cells[0] is None
    assert styles.row == extra


def test_the_holdouts_are_the_first_figure(tmp_path: Path) -> None:
    (block,) = card(suite(tmp_path)).blocks
    assert [line.row.metric for line in block.headlines] == [
        "Hold-outs, change",
        "Destination drawn",
        "Source forgotten",
    ]


def test_strips_put_the_worst_left_and_the_unknown_last(tmp_path: Path) -> None:
    ((strip,),) = (block.strips for block in card(suite(tmp_path, case(tmp_path, change=-0.5))).blocks)
    assert strip.units == (("tiger", 0.9, 0.45), (MARKUP, 0.8, 0.8), ("wolf", None, None))


def test_charts_need_two_numbers_of_edits(tmp_path: Path) -> None:
    assert card(suite(tmp_path)).charts == ()
    cases = [case(tmp_path, edits=edits, change=-edits / 1000) for edits in (100, 1, 10)]
    charts = card(suite(tmp_path, *cases)).charts
    assert charts[0].title == "hold-out change, hold-outs"
    ((name, _, points),) = charts[0].series
    assert (name, [edits for edits, _ in points]) == ("emcid", [1, 10, 100])
    assert not any("FID" in chart.title for chart in charts)  # never measured


def test_what_an_evaluation_should_have_and_this_one_has_not_is_said(tmp_path: Path) -> None:
    assert card(suite(tmp_path)).absent == (
        "edited concepts in free sentences",
        "edited concepts by other names",
        "damage to neighbours",
    )


def test_broken_cases_are_named_together(tmp_path: Path) -> None:
    cases = [case(tmp_path, "uce", edits, change=-0.9) for edits in (10, 100)]
    assert card(suite(tmp_path, case(tmp_path), *cases)).broken == (
        "uce (replacement, 10 edits; replacement, 100 edits)",
    )


def test_an_unfinished_suite_is_called_so(tmp_path: Path) -> None:
    assert "not complete: the suite was stopped or is still running" in card(suite(tmp_path, complete=False)).lead
    assert "not complete" not in card(suite(tmp_path)).lead


def test_a_run_of_ones_own_is_no_suite(tmp_path: Path) -> None:
    def lead(**changes: object) -> str:
        return card(suite(tmp_path, case(tmp_path).model_copy(update=changes), suite="edit", complete=False)).lead

    assert lead().endswith("; not complete: the run was stopped or is still running")
    assert lead(status="failed", reason="the run failed: boom").endswith("; not complete: the run failed: boom")


def test_an_unreadable_plan_and_no_plan_are_no_errors(tmp_path: Path) -> None:
    def words(**changes: object) -> tuple[str, ...]:
        changed = Case.model_validate(case(tmp_path).model_dump() | changes)
        return card(suite(tmp_path, changed)).blocks[0].asked[0][0].edits

    assert words(plan=None) == ()
    assert words(plan={"plans": [{"edits": [{"erase": name}]} for name in ("a", "b")]}) == ("erase a", "erase b")
    assert "cannot read" in words(plan={"edits": [{"abolish": "pizza"}]})[0]


def test_settings_and_provenance_are_flat_text(tmp_path: Path) -> None:
    (source,) = card(suite(tmp_path)).sources
    assert dict(source.settings) == {"seed": "0", "drawing.steps": "20", "drawing.guidance": "none", "steps": "60"}
    assert dict(source.facts)["versions.overpaint"] == "0.1.0"
    assert dict(source.facts)["patch"] == "a" * 64


def test_of_long_settings_the_beginning_is_shown(tmp_path: Path) -> None:
    words = [f"word {number}" for number in range(100)]
    given = {"contexts": words, "styled": dict.fromkeys(words, ("a", "b")), "blocks": list(range(12))}
    changed = case(tmp_path).model_copy(update={"settings": given})
    (source,) = card(suite(tmp_path, changed)).sources
    long = "word 0, word 1, word 2 and 97 more, all of them in result.json"
    shown = {name: value for name, value in source.settings if name in given}
    assert shown == {"contexts": long, "styled": long, "blocks": ", ".join(map(str, range(12)))}


def test_settings_that_differ_between_cases_are_told_by_case(tmp_path: Path) -> None:
    first = case(tmp_path).model_copy(update={"name": "a/1", "settings": {"steps": 60, "precision": "float32"}})
    second = first.model_copy(update={"name": "a/10", "settings": {"steps": 60, "precision": "bfloat16", "MB": 2}})
    (source,) = card(suite(tmp_path, first, second)).sources
    given = {name: value for name, value in source.settings if name.rpartition(": ")[2] in ("steps", "precision", "MB")}
    assert given == {"steps": "60", "a/1: precision": "float32", "a/10: precision": "bfloat16", "a/10: MB": "2"}


def test_a_result_file_is_as_good_as_its_folder(tmp_path: Path) -> None:
    folder = suite(tmp_path / "suite")
    assert card(folder / "result.json").blocks == card(folder).blocks


def test_wrong_paths_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(OverpaintError, match="no run and no result"):
        gather([tmp_path])
    folder = suite(tmp_path / "suite")
    with pytest.raises(OverpaintError, match="given twice"):
        gather([folder, tmp_path / "suite" / ".." / "suite"])
    (folder / "result.json").write_text("{}")
    with pytest.raises(OverpaintError, match="not a result file"):
        gather([folder])


def test_a_result_without_cases_is_a_page_without_blocks(tmp_path: Path) -> None:
    result(complete=False).write(tmp_path / "result.json")
    assert card(tmp_path).blocks == ()
