"""What the Edit page is to show of the jobs, found from what it shows already.

Answers come late, in another order, or not at all. So the server remembers nothing of a page: with every look the
browser says what it shows, and whatever is not so is sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from overpaint.errors import OverpaintError
from overpaint.hashing import digest
from overpaint.report.run_result import result_of_run
from overpaint.report.verdict import judge
from overpaint.runs.record import PICTURE
from overpaint.studio import html
from overpaint.studio.room import Room
from overpaint.studio.shelf import address

__all__ = ["Look", "look"]


@dataclass(frozen=True)
class Look:
    """What a page changes; None where it shows that already.

    Attributes:
        jobs: the list of jobs, as HTML.
        result: pictures and verdict of the job that is chosen, as HTML.
        choose: of the field that a job is chosen in, its ``choices``, and its ``value`` where that is another.
        shown: what the page shows after that; the next look begins with it.
    """

    jobs: str | None
    result: str | None
    choose: dict[str, Any] | None
    shown: tuple[str, str, str]


def look(room: Room, chosen: str | None, started: str | None, shown: Sequence[object]) -> Look:
    """Compare the jobs with what a page shows.

    Arguments:
        chosen: the job that is chosen on the page.
        started: the job that the page started last, until somebody chooses another by hand. It is chosen again if an
            older answer came after the one that chose it.
        shown: of the page's last look; anything else stands for a page that shows nothing yet.
    """
    names, jobs = room.job_names(), html.job_list(room.worker)
    right = next((name for name in (started, chosen, *names) if name in names), None)
    now = digest(jobs), room.state_of(right), digest(names)
    same = [one == other for one, other in zip(now, shown, strict=True)] if len(shown) == len(now) else [False] * 3
    # A value that is right is left alone: a click may have changed it since this look was asked for.
    choose = {"choices": names} | ({"value": right} if right != chosen else {})
    return Look(
        jobs=None if same[0] else jobs,
        result=None if same[1] else _result_of(room, right),
        choose=None if same[2] and right == chosen else choose,
        shown=now,
    )


def _result_of(room: Room, name: str | None) -> str:
    """The pictures of a finished job, and whether what should stay stayed; nothing for others."""
    if name is None or room.state_of(name) != f"{name} finished":
        return ""
    try:
        job, folder = room.worker.jobs.find(name), room.worker.jobs.path(name)
        verdict = judge(result_of_run(folder).cases[0])
    except OverpaintError as error:
        return html.problem(error)
    picture = folder / PICTURE
    return html.filled(
        "result.html.j2",
        name=name,
        asked=html.described(job.plan),
        picture=address(name, picture) if picture.is_file() else None,
        verdict=verdict,
    )
