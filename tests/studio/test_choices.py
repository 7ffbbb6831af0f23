from __future__ import annotations

import pytest

pytest.importorskip("gradio")

from overpaint.studio.choices import refreshed


@pytest.mark.parametrize("chosen", [None, [], ["b"], ["b", "a"]])
def test_what_is_chosen_is_not_said_again(chosen: list[str] | None) -> None:
    made = refreshed(["a", "b"], chosen)
    assert made["choices"] == ["a", "b"]
    assert "value" not in made


def test_what_is_there_no_more_is_not_chosen_any_longer() -> None:
    assert refreshed(["a", "b"], ["c", "b"])["value"] == ["b"]
