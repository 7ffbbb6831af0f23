"""Looks at the jobs: only what changed is sent, what was lost on the way is sent again, and late answers do no harm."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from overpaint.studio.looks import look
from overpaint.studio.room import Room
from tests.studio.worlds import eventually, plan, room


@pytest.fixture
def studio(tmp_path: Path) -> Room:
    """Two finished jobs, the older one ``old``."""
    made = room(tmp_path)
    for name in ("old", "new"):
        made.worker.submit(plan(name), name)
    made.worker.start()
    eventually(lambda: [job.state for job in made.worker.jobs.listed()] == ["finished"] * 2)
    made.worker.close()
    return made


def test_a_fresh_page_shows_the_newest_job(studio: Room) -> None:
    found = look(studio, None, None, [])
    assert found.choose == {"choices": ["new", "old"], "value": "new"}
    assert "old" in str(found.jobs)
    assert "erase new, by emcid" in str(found.result)


def test_what_is_shown_is_not_sent_again(studio: Room) -> None:
    shown = look(studio, None, None, []).shown
    again = look(studio, "new", None, shown)
    assert (again.jobs, again.result, again.choose) == (None, None, None)
    assert again.shown == shown


def test_what_the_page_never_got_is_sent_again(studio: Room) -> None:
    shown = look(studio, None, None, []).shown
    studio.worker.submit(plan("later"), "later")
    lost = look(studio, "new", None, shown)
    assert lost.jobs is not None
    assert look(studio, "new", None, shown) == lost


def test_a_choice_by_hand_is_left_alone_when_jobs_come(studio: Room) -> None:
    shown = look(studio, "old", None, []).shown
    studio.worker.submit(plan("later"), "later")
    found = look(studio, "old", None, shown)
    assert found.choose == {"choices": ["later", "new", "old"]}
    assert found.result is None


def test_an_older_answer_does_not_keep_the_started_job_from_being_chosen(studio: Room) -> None:
    late = look(studio, None, None, [])
    studio.worker.submit(plan("mine"), "mine")
    found = look(studio, "new", "mine", late.shown)  # the page shows what the late answer said
    assert found.choose == {"choices": ["mine", "new", "old"], "value": "mine"}
    assert found.result == ""
    assert found.shown[1] == "mine queued"


def test_a_job_whose_folder_was_removed_is_no_longer_chosen(studio: Room) -> None:
    shown = look(studio, "new", "new", []).shown
    shutil.rmtree(studio.worker.jobs.folder / "new")
    assert look(studio, "new", "new", shown).choose == {"choices": ["old"], "value": "old"}
    shutil.rmtree(studio.worker.jobs.folder / "old")
    found = look(studio, "old", "new", shown)
    assert found.choose == {"choices": [], "value": None}
    assert found.result == ""


@pytest.mark.parametrize("shown", [["x"], [1, None, {}], ["", "", "", ""]])
def test_nonsense_stands_for_a_page_that_shows_nothing(studio: Room, shown: list[object]) -> None:
    found = look(studio, "new", None, shown)
    assert None not in (found.jobs, found.result, found.choose)
