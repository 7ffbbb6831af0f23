from __future__ import annotations

from typing import Any

import pytest

from overpaint.bench.edits import EditSuite, bars, evaluate_before, evaluate_edits
from overpaint.bench.report import Report
from overpaint.emoji.captions import FREE_FORM_TEST
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.plan import Edit
from tests.bench.worlds import Painter, Reader, Swap

WORLD = Vocabulary.load()
EDITS = (
    Edit(action="replace", source="pizza", destination="guitar"),
    Edit(action="replace", source="tiger", destination="rocket"),
)
HOLDOUTS = ("banana", "octopus", "violin", "sun")


ERASED = Edit(action="erase", source="pizza")


def judged(becomes: dict[str, str], edits: tuple[Edit, ...] = EDITS, **suite: Any) -> Report:
    painter: Any = Painter(WORLD)
    patch: Any = Swap(becomes)
    grader = Reader(WORLD)
    before = evaluate_before(painter, grader, edits, HOLDOUTS, EditSuite(**suite))
    return evaluate_edits(painter, patch, grader, before)


def test_a_perfect_edit_passes_every_bar() -> None:
    report = judged({"pizza": "guitar", "tiger": "rocket"})
    for prompts in ("templates", "free form"):
        assert report[f"{prompts}: P(destination) / C"].value == pytest.approx(1)
        assert report[f"{prompts}: P(source) before"].value == pytest.approx(0.9)
        assert report[f"{prompts}: P(source) left"].value < 0.01
    assert report["hold-outs: relative change of P(true)"].value == 0
    assert [line.met for line in report.lines if line.bar is not None] == [True, True, True]


def test_no_edit_at_all_is_seen() -> None:
    report = judged({})
    assert report["templates: P(destination) / C"].value < 0.01
    assert report["templates: P(source) left"].value == pytest.approx(0.9)
    assert report.lines[0].met is False


def test_damage_to_a_holdout_is_seen() -> None:
    report = judged({"pizza": "guitar", "tiger": "rocket", "banana": "sun"})
    assert report["hold-outs: relative change of P(true)"].value == pytest.approx(-0.25, abs=0.01)
    assert report.details["hold-outs"]["banana"] == {"before": 0.9, "after": pytest.approx(0, abs=1e-3)}


def test_before_and_after_are_asked_the_same_at_the_same_seeds() -> None:
    painter: Any = Painter(WORLD)
    patch: Any = Swap({})
    grader = Reader(WORLD)
    before = evaluate_before(painter, grader, EDITS, HOLDOUTS)
    first = painter.asked
    painter.asked = []
    evaluate_edits(painter, patch, grader, before)
    assert set(painter.asked) < set(first)
    # the ceiling is drawn at the seeds of the source it is compared with
    rest = set(first) - set(painter.asked)
    assert {seed for _, seed in rest} < {seed for _, seed in painter.asked}
    assert len(rest) == len(EDITS) * (3 + 5)


def test_free_form_prompts_are_the_unseen_ones() -> None:
    painter: Any = Painter(WORLD)
    evaluate_before(painter, Reader(WORLD), EDITS[:1], (), EditSuite())
    sentences = [template.split("{}")[0].removesuffix(" a ") for template in FREE_FORM_TEST]
    free = [prompt for prompt, _ in painter.asked if any(s and prompt.startswith(s) for s in sentences)]
    assert len(free) >= 5


def test_erasures_have_no_ceiling_and_count_as_missing() -> None:
    report = judged({"pizza": ""}, (Edit(action="erase", source="pizza"), EDITS[1]))
    assert (report["templates: P(destination) / C"].count, report["templates: P(destination) / C"].missing) == (1, 1)
    assert report.details["edits"][0]["templates"]["C"] is None
    assert report.details["edits"][0]["templates"]["P(source)"]["before"] == pytest.approx(0.9)


def test_debias_reports_every_destination() -> None:
    edit = Edit(action="debias", source="pilot", over={"man pilot": 0.5, "woman pilot": 0.5})
    report = judged({"pilot": "woman pilot"}, (edit,))
    shares = report.details["edits"][0]["templates"]["P(destination)"]
    assert shares["woman pilot"]["after"] == pytest.approx(0.9)
    assert shares["man pilot"]["after"] < 0.01
    assert report["templates: P(destination) / C"].count == 0


def test_what_is_debiased_is_not_to_go() -> None:
    pilot = Edit(action="debias", source="pilot", over={"man pilot": 0.5, "woman pilot": 0.5})
    alone, beside = judged({"pizza": ""}, (ERASED,)), judged({"pizza": ""}, (ERASED, pilot))
    for metric in ("P(source) before", "P(source) left"):
        one, other = alone[f"templates: {metric}"], beside[f"templates: {metric}"]
        assert (one.value, one.count) == (other.value, other.count)
        assert other.missing == 1


def test_a_sample_of_the_edits_is_judged_by_the_bars_of_all() -> None:
    painter: Any = Painter(WORLD)
    patch: Any = Swap({})
    before = evaluate_before(painter, Reader(WORLD), EDITS, HOLDOUTS, EditSuite(edits=1))
    report = evaluate_edits(painter, patch, Reader(WORLD), before, total=300)
    assert report.lines[0].bar == bars(300)[0] == 0.88
    assert (report.settings["edits drawn"], report.settings["edits in the patch"]) == (1, 300)


@pytest.mark.parametrize(("edits", "bar"), [(1, 0.95), (10, 0.95), (11, 0.92), (100, 0.92), (300, 0.88), (1000, None)])
def test_bars_loosen_with_the_number_of_edits(edits: int, bar: float | None) -> None:
    assert bars(edits)[0] == bar


def test_a_rectified_name_has_no_meaning_to_lose() -> None:
    report = judged({"aubergine": "eggplant"}, (Edit(action="rectify", source="aubergine", destination="eggplant"),))
    found = report.details["edits"][0]["templates"]
    assert found["P(source)"] == {"before": None, "after": None}
    assert found["P(destination)"]["eggplant"]["after"] == pytest.approx(0.9)
