from __future__ import annotations

from pathlib import Path

import pytest

from overpaint.bench.results import Item, Shift
from overpaint.report.build import build
from overpaint.report.card import Gallery
from overpaint.report.evidence import gather
from overpaint.report.gallery import success
from tests.report.worlds import case, colour, item, suite


def galleries(folder: Path) -> dict[str, Gallery]:
    (block,) = build(gather([folder])).blocks
    return {gallery.group: gallery for gallery in block.galleries}


def many(folder: Path, group: str, scores: list[float]) -> Path:
    drawn = {"before": colour(folder, 1, 0), "after": colour(folder, 2, 0)}
    items = tuple(item(group, f"unit {n}", f"thing {n}", 0.9, score, **drawn) for n, score in enumerate(scores))
    return suite(folder, case(folder).model_copy(update={"items": items}))


def test_holdouts_come_worst_first(tmp_path: Path) -> None:
    found = galleries(many(tmp_path, "hold-outs", [0.9, 0.2, 0.5, *[0.88] * 20]))["hold-outs"]
    assert [shot.title for shot in found.shots[:3]] == ["thing 1", "thing 2", "thing 10"]
    assert "the worst 8 of 23" in found.text


def test_edits_are_shown_from_worst_to_best_both_ends_included(tmp_path: Path) -> None:
    found = galleries(many(tmp_path, "templates", [n / 50 for n in range(40)]))["templates"]
    assert len(found.shots) == 8
    assert [found.shots[n].title for n in (0, -1)] == ["thing 39", "thing 0"]  # the source that stayed, that went
    assert "8 of 40" in found.text


def test_an_edit_is_shown_by_its_worst_picture(tmp_path: Path) -> None:
    drawn = {"before": colour(tmp_path, 1, 0), "after": colour(tmp_path, 2, 0)}
    items = [item("templates", "a", "a", 0.9, after, **drawn, seed=seed) for seed, after in ((1, 0.0), (2, 0.8))]
    items.append(item("templates", "b", "b", 0.9, 0.1, **drawn))
    suite(tmp_path, case(tmp_path).model_copy(update={"items": tuple(items)}))
    shots = galleries(tmp_path)["templates"].shots
    assert [(shot.title, shot.seed) for shot in shots] == [("a", 2), ("b", 7)]


def test_titles_are_what_was_asked_and_readings_what_was_seen(tmp_path: Path) -> None:
    found = galleries(suite(tmp_path))
    shot = next(shot for shot in found["templates"].shots if "pizza" in shot.title)
    assert shot.title == "replace pizza with guitar"
    assert [(r.label, r.before, r.after) for r in shot.readings] == [("P(pizza)", 0.9, (0.1,))]
    assert list(found) == ["templates", "free form", "aliases", "neighbours", "hold-outs"]


def test_a_picture_that_is_gone_is_a_hole_not_an_error(tmp_path: Path) -> None:
    suite(tmp_path)
    for path in tmp_path.glob("images/*/*.png"):
        path.write_bytes(b"no picture")
    assert all(shot.before is None and shot.after == (None,) for shot in galleries(tmp_path)["hold-outs"].shots)


def test_graded_without_pictures_is_said(tmp_path: Path) -> None:
    items = (item("hold-outs", "tiger", "tiger", 0.9, 0.1),)
    suite(tmp_path, case(tmp_path).model_copy(update={"items": items}))
    found = galleries(tmp_path)["hold-outs"]
    assert found.shots == ()
    assert "no pictures" in found.text


def test_a_worse_holdout_without_picture_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    whole = case(tmp_path)
    suite(tmp_path, whole.model_copy(update={"items": (*whole.items, item("hold-outs", "cat", "cat", 0.9, 0.0))}))
    assert "of 4 (3 have pictures)" in galleries(tmp_path)["hold-outs"].text


def test_what_only_the_unedited_model_was_asked_for_is_no_gallery(tmp_path: Path) -> None:
    ceiling = item("ceiling: templates", "a", "a", 0.9, None, before=colour(tmp_path, 1, 0))
    whole = case(tmp_path)
    suite(tmp_path, whole.model_copy(update={"items": (*whole.items, ceiling)}))
    assert "ceiling: templates" not in galleries(tmp_path)


@pytest.mark.parametrize(
    ("unit", "group", "scores", "worth"),
    [
        ("replace:pizza", "templates", {"P(pizza)": (0.9, 0.1), "P(guitar)": (0.0, 0.7)}, 1.5),
        ("replace:pizza", "aliases", {"P(pizza)": (0.9, 0.9)}, 0.0),
        ("rectify:slice", "templates", {"P(pizza)": (0.1, 0.9)}, 0.8),
        ("erase:hat from:cowboy", "templates", {"P(hat)": (0.6, 0.1)}, 0.5),
        ("tiger", "hold-outs", {"P(tiger)": (0.9, 0.4)}, -0.5),
        ("tiger", "hold-outs", {"P(tiger)": (0.9, None)}, 0.0),
    ],
)
def test_success_is_what_the_edit_wanted(
    unit: str, group: str, scores: dict[str, tuple[float, float | None]], worth: float
) -> None:
    shifts = {name: Shift(before=before, after=after) for name, (before, after) in scores.items()}
    one = Item(group=group, unit=unit, subject="slice", prompt="", seed=0, scores=shifts)
    assert success(one) == pytest.approx(worth)
