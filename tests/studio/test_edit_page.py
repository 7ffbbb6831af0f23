"""What the buttons of the Edit page do, and what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from overpaint.errors import OverpaintError, PlanError
from overpaint.studio.room import Room
from tests.studio.worlds import HOSTILE, plan, room

gr: Any = pytest.importorskip("gradio", reason="gradio is not installed (the extra studio)")

from overpaint.studio.edit_page import cancelled, checked, looked, plan_of, resumed, started  # noqa: E402


@pytest.fixture
def studio(tmp_path: Path) -> Room:
    """Without jobs; its worker rests."""
    return room(tmp_path / "runs")


def fields(concepts: str | None = "pizza", **other: Any) -> list[Any]:
    """The page's fields in their order, those that nobody touched as the browser sends them."""
    page = {"action": "erase", "concepts": concepts, "upload": None, "method": "emcid", "kind": "object"}
    return list({**page, "preserve": None, "settings": None, "seed": 0, **other}.values())


def states(studio: Room) -> dict[str, str]:
    return {job.name: job.state for job in studio.worker.jobs.listed()}


def test_the_plan_is_that_of_the_fields(studio: Room) -> None:
    found = plan_of(studio, *fields("dog\ncat", method="uce", preserve="fox", settings="steps=3", seed=7))
    assert [edit.key for edit in found.edits] == ["erase:dog", "erase:cat"]
    assert (found.model, found.method, found.preserve, found.seed) == ("emoji", "uce", ("fox",), 7)
    assert found.settings == {"steps": 3}


def test_an_upload_goes_before_what_is_typed(studio: Room, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("edits: [{erase: dog}]")
    found = plan_of(studio, *fields("pizza", upload=str(path), method="uce"))
    assert ([edit.key for edit in found.edits], found.method) == (["erase:dog"], "uce")


def test_a_plan_that_the_model_cannot_carry_out_is_refused(studio: Room) -> None:
    with pytest.raises(PlanError, match="no method is called 'magic'"):
        plan_of(studio, *fields(method="magic"))
    with pytest.raises(OverpaintError, match="no concept"):
        plan_of(studio, *fields(None))


def test_checking_counts_the_edits_and_tells_the_time(studio: Room) -> None:
    one, two = checked(studio, *fields("pizza")), checked(studio, *fields("pizza\ndog"))
    assert "1 edit by emcid: the plan is in order." in one
    assert "At most 100 evaluations of the denoiser, about 12 s" in one
    assert "2 edits by emcid: the plan is in order." in two
    assert "At most 200 evaluations of the denoiser, about 24 s" in two
    assert states(studio) == {}


def test_checking_waits_for_no_job(studio: Room) -> None:
    with studio.worker.device():
        said = checked(studio, *fields())
    assert "the plan is in order" in said
    assert "The device is busy" in said
    assert "evaluations" not in said


def test_starting_queues_the_job_and_chooses_it(studio: Room) -> None:
    studio.worker.submit(plan("older"), "older")
    said, choose, mine = started(studio, 1.5, " mine ", *fields())
    assert f"{mine} is in the queue." in said
    assert (choose["value"], choose["choices"]) == (mine, [mine, "older"])
    job = studio.worker.jobs.find(mine)
    assert (job.name, job.strength, job.state) == ("mine", 1.5, "queued")


def test_a_job_without_a_name_is_called_by_its_first_edit(studio: Room) -> None:
    assert [started(studio, 1.0, title, *fields("salad\npie"))[2] for title in (None, "  ")] == [
        "erase-salad",
        "erase-salad-2",
    ]


def test_mistakes_are_told_as_text_and_nothing_is_queued(studio: Room) -> None:
    hostile = fields(f"{HOSTILE} -> a -> b")
    said, choose, mine = started(studio, 1.0, None, *hostile)
    assert choose == mine == gr.skip()
    for one in (said, checked(studio, *hostile), checked(studio, *fields(method=HOSTILE))):
        assert "error" in one
        assert "<script>" not in one
    assert "line 1" in said
    assert states(studio) == {}


def test_a_job_is_cancelled_and_goes_on_only_where_it_can(studio: Room) -> None:
    name = studio.worker.submit(plan("pizza"), "pizza").name
    assert "there is nothing to go on with" in resumed(studio, name)
    assert f"{name} is cancelled; finished concepts are kept." in cancelled(studio, name)
    assert states(studio) == {name: "cancelled"}
    assert "is cancelled already" in cancelled(studio, name)
    assert f"{name} is in the queue again." in resumed(studio, name)
    assert states(studio) == {name: "queued"}


def test_without_a_chosen_job_none_is_cancelled(studio: Room) -> None:
    name = studio.worker.submit(plan("pizza"), "pizza").name
    assert "error" in cancelled(studio, None)
    assert "error" in resumed(studio, None)
    assert states(studio) == {name: "queued"}


def test_a_look_changes_what_is_not_shown_yet_and_leaves_the_rest(studio: Room) -> None:
    name = studio.worker.submit(plan("pizza"), "pizza").name
    jobs, result, choose, shown = looked(studio, None, None, "nonsense")
    assert name in jobs
    assert result == ""
    assert (choose["value"], choose["choices"]) == (name, [name])
    assert looked(studio, name, None, shown) == (gr.skip(), gr.skip(), gr.skip(), shown)
