"""What does not fit the text window is told once, by the first template that has no room for it."""

from __future__ import annotations

from overpaint.backbone.window import fits, misfits
from tests.methods.tiny import tiny_backbone


def test_a_phrase_fits_where_every_template_leaves_room_for_it() -> None:
    text = tiny_backbone().text
    tight = "dog " * (text.window - 3) + "{}"  # with begin and end token, room for one more
    assert fits(text, "hen", "{}", tight)
    assert not fits(text, "hen hen", "{}", tight)
    assert misfits(text, ["{}", tight], "hen", "edits.0") == []
    (problem,) = misfits(text, [tight, tight, "{}"], "hen hen", "edits.0")
    assert problem.startswith("edits.0: ")
    assert f"text window holds {text.window - 2} tokens between begin and end" in problem
