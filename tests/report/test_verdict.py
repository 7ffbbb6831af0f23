from __future__ import annotations

from pathlib import Path

import pytest

from overpaint.bench.verdict import verdict
from overpaint.report.verdict import judge
from tests.report.worlds import case, row


@pytest.mark.parametrize(("change", "level"), [(-0.97, "broken"), (-0.5, "broken"), (-0.2, "damaged"), (0.0, "holds")])
def test_the_holdouts_decide(change: float, level: str, tmp_path: Path) -> None:
    whole = case(tmp_path, change=change)
    assert judge(whole.model_copy(update={"verdict": verdict(whole.rows)})).level == level


def test_a_broken_model_is_called_broken_whatever_the_file_and_the_forget_score_say(tmp_path: Path) -> None:
    found = judge(case(tmp_path, change=-0.97, verdict="holds"))
    assert (found.level, found.headline) == ("broken", "Broken")
    assert "97.0 %" in found.reasons[0]
    assert not any("met" in reason for reason in found.reasons)


def test_clip_scores_tell_a_broken_model_too_but_not_those_of_the_edits(tmp_path: Path) -> None:
    def level(group: str) -> str:
        score = row("CLIP score, relative change above chance", group, [-0.9], unit="relative")
        return judge(case(tmp_path).model_copy(update={"rows": (*case(tmp_path).rows, score)})).level

    assert (level("hold-outs"), level("templates")) == ("broken", "holds")


def test_what_the_suite_calls_broken_stays_broken(tmp_path: Path) -> None:
    assert judge(case(tmp_path, change=-0.01, verdict="broken")).level == "broken"


def test_without_holdouts_nobody_knows(tmp_path: Path) -> None:
    whole = case(tmp_path)
    found = judge(whole.model_copy(update={"rows": whole.rows[1:]}))
    assert found.level == "unknown"
    assert "nobody knows" in found.reasons[0]


def test_missed_bars_are_named(tmp_path: Path) -> None:
    whole = case(tmp_path)
    low = row("source-to-destination", "templates", [0.2], better="higher", bar=0.9)
    found = judge(whole.model_copy(update={"rows": (whole.rows[0], low)}))
    assert found.level == "holds"
    assert "source-to-destination (templates)" in found.reasons[1]


def test_a_patch_that_does_nothing_is_said_to_do_nothing(tmp_path: Path) -> None:
    whole = case(tmp_path, change=0.0)
    same = tuple(item.model_copy(update={"after": item.before}) for item in whole.items)
    assert "Nothing changed" in judge(whole.model_copy(update={"items": same})).reasons[0]
    assert "Nothing changed" not in judge(whole).reasons[0]  # as good as before, but other pictures


@pytest.mark.parametrize("status", ["skipped", "failed"])
def test_what_was_not_measured_gives_its_reason(tmp_path: Path, status: str) -> None:
    left_out = case(tmp_path).model_copy(update={"status": status, "reason": "out of memory", "rows": (), "items": ()})
    found = judge(left_out)
    assert (found.level, found.reasons) == (status, ("out of memory",))
