from __future__ import annotations

import re
from pathlib import Path

import pytest

from overpaint.errors import RunError
from overpaint.provenance import Provenance
from overpaint.runs import RunFolder
from overpaint.studio.jobs import Jobs
from tests.studio.worlds import HOSTILE, plan


def test_a_job_is_on_disk_with_its_plan_and_strength(tmp_path: Path) -> None:
    job = Jobs(tmp_path).add(plan("pizza", HOSTILE), "No pizza!", 0.5)
    assert job.name == "no-pizza"
    (found,) = Jobs(tmp_path).listed()
    assert found == job
    assert found.strength == 0.5
    assert plan("pizza", HOSTILE) == plan("pizza", HOSTILE).parse(found.plan)


def test_names_are_plain_and_never_shared(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    names = [jobs.add(plan("a"), title).name for title in ("../../etc", "../../etc", HOSTILE, "日本", "日本")]
    assert names[0] == "etc"
    assert names[1] == "etc-2"
    assert len(set(names)) == 5
    assert all((tmp_path / name).is_dir() for name in names)
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in names)


def test_the_order_is_that_of_asking_and_again_goes_to_the_end(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    first, second = jobs.add(plan("a"), "z"), jobs.add(plan("b"), "a")
    assert jobs.listed() == [first, second]
    again = jobs.again(jobs.note(first, "failed", "why"))
    assert jobs.listed() == [second, again]
    assert again.error == ""


@pytest.mark.parametrize("name", ["..", ".", "", "../outside", "/etc", "a/b", "link", ".hidden", "empty", "no\0such"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    inside, outside = tmp_path / "runs", tmp_path / "outside"
    jobs = Jobs(inside)
    for folder in (outside, inside / ".hidden"):
        folder.mkdir()
        (folder / "run.json").write_text("{}")
    (inside / "empty").mkdir()
    (inside / "link").symlink_to(outside)
    with pytest.raises(RunError, match="no run is called"):
        jobs.path(name)


def test_a_damaged_file_is_no_job_and_stops_nobody(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    good = jobs.add(plan("a"), "good")
    said = (tmp_path / good.name / "job.json").read_text()
    deep, vast = "[" * 9000 + "]" * 9000, said.replace('"strength": 1.0', f'"strength": {10**400}')
    assert vast != said
    contents = {
        "one": "{",
        "two": "[]",
        "three": '{"format": 1, "state": "???"}',
        "four": "\xff",
        "five": deep,
        "six": vast,
    }
    for name, content in contents.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "job.json").write_text(content, encoding="latin-1")
    assert jobs.listed() == [good]


def test_a_run_starts_in_a_job_s_folder(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    job = jobs.add(plan("pizza"), "run")
    with RunFolder.create(jobs.path(job.name), plan("pizza"), Provenance("emoji", "f", "emcid", {}, 0)):
        pass
    assert jobs.find(job.name) == job


def test_a_run_of_the_command_line_is_seen_and_is_no_job(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    with RunFolder.create(tmp_path / "by hand", plan("pizza"), Provenance("emoji", "f", "emcid", {}, 0)):
        pass
    assert jobs.runs() == ["by hand"]
    assert jobs.listed() == []
    with pytest.raises(RunError, match="not begun in the Studio"):
        jobs.find("by hand")
