import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("resvg_py")

from overpaint.emoji.recipe import render as rendering
from overpaint.emoji.recipe.catalogue import Candidate, IconSet
from overpaint.emoji.recipe.render import Pictures, composite, draw, draw_all, render
from overpaint.emoji.vocabulary import Concept, Vocabulary


@pytest.fixture
def icons(tmp_path: Path) -> IconSet:
    """A red left half, the same mirrored by an alias, a plain alias, a wide blue bar, and nothing at all."""
    data = {
        "width": 32,
        "height": 32,
        "icons": {
            "half": {"body": '<path fill="#ff0000" d="M0 0h16v32H0z"/>'},
            "bar": {"body": '<path fill="#0000ff" d="M0 0h64v32H0z"/>', "width": 64},
            "empty": {"body": ""},
        },
        "aliases": {"other-half": {"parent": "half", "hFlip": True}, "halve": {"parent": "half"}},
    }
    (tmp_path / "icons.json").write_text(json.dumps(data))
    return IconSet(tmp_path)


def test_an_icon_is_drawn_in_its_colour_and_place(icons: IconSet) -> None:
    picture = draw(icons, "half")
    assert picture.shape == (64, 64, 4)
    assert tuple(picture[32, 16]) == (255, 0, 0, 255)
    assert picture[32, 48, 3] == 0
    assert not picture[[0, 1, 62, 63], :, 3].any()


def test_a_mirrored_alias_is_mirrored_and_a_plain_one_is_the_same_icon(icons: IconSet) -> None:
    np.testing.assert_array_equal(draw(icons, "other-half"), draw(icons, "half")[:, ::-1])
    assert icons.same("half") == {"half", "halve"}
    assert icons.root("halve") == "half"


def test_a_wide_icon_keeps_its_shape(icons: IconSet) -> None:
    rows = draw(icons, "bar")[:, 32, 3] > 127
    assert 28 <= rows.sum() <= 32


def test_empty_pictures_are_dropped_and_logged(icons: IconSet, caplog: pytest.LogCaptureFixture) -> None:
    concept = Candidate("thing", "x", "objects", "tool", (), "half", {0: "half", 1: "empty"})
    pictures = draw_all([concept], (icons, icons))
    assert pictures.style.tolist() == [0]
    assert "thing" in caplog.text


def test_composite_on_one_colour_and_on_many(icons: IconSet) -> None:
    rgba = np.stack([draw(icons, "half")] * 2)
    on_teal = composite(rgba, (0, 150, 160))
    assert tuple(on_teal[0, 32, 48]) == (0, 150, 160)
    assert tuple(on_teal[0, 32, 16]) == (255, 0, 0)
    each = composite(rgba, np.array([[0, 150, 160], [9, 8, 7]], np.uint8))
    np.testing.assert_array_equal(each[0], on_teal[0])
    assert tuple(each[1, 0, 0]) == (9, 8, 7)
    half = np.full((1, 64, 64, 4), (200, 100, 0, 51), np.uint8)
    assert tuple(composite(half, (100, 100, 100))[0, 0, 0]) == (120, 100, 80)


def test_pictures_survive_the_disk(icons: IconSet, tmp_path: Path) -> None:
    pictures = draw_all([Candidate("thing", "x", "objects", "tool", (), "half", {0: "half", 3: "bar"})], (icons,) * 4)
    pictures.save(tmp_path)
    loaded = Pictures.load(tmp_path)
    assert len(loaded) == 2
    np.testing.assert_array_equal(loaded.rgba, pictures.rgba)
    assert (loaded.concept.tolist(), loaded.style.tolist()) == ([0, 0], [0, 3])
    assert (loaded.rgba.dtype, loaded.concept.dtype, loaded.style.dtype) == (np.uint8, np.int16, np.int8)


def test_pictures_are_rendered_once_and_again_when_the_vocabulary_changes(
    icons: IconSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def world(*emoji: str) -> None:
        concepts = tuple(Concept(e, "half", e, "objects", "tool", None, ()) for e in emoji)
        found = [Candidate(e, e, "objects", "tool", (), "half", {0: "half"}) for e in emoji]
        monkeypatch.setattr(Vocabulary, "load", lambda: Vocabulary(concepts, ()))
        monkeypatch.setattr(rendering, "candidates", lambda npm, sets: found)

    monkeypatch.setattr(rendering, "fetch", lambda work: work)
    monkeypatch.setattr(rendering, "icon_sets", lambda npm: (icons,))
    world("a")
    assert len(render(tmp_path)) == 1
    with monkeypatch.context() as context:
        context.setattr(rendering, "draw_all", None)
        assert len(render(tmp_path)) == 1
    world("a", "b")
    assert len(render(tmp_path)) == 2
