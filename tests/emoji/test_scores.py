"""Scores are read as they were written, or a line says how to get them."""

from __future__ import annotations

from pathlib import Path

import pytest

from overpaint.emoji.scores import read_scores
from overpaint.errors import OverpaintError

SPOILT = ("", "[]", "[" * 2000, *(f'{{"concepts": {said}}}' for said in ("3", '{"pizza": "much"}', '{"pizza": NaN}')))


@pytest.mark.parametrize("text", [None, *SPOILT, f'{{"concepts": {{"pizza": 1{"0" * 400}}}}}'])
def test_a_wrong_scores_file_says_how_to_mend_it(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "scores.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(OverpaintError, match=r"scores.json: no scores.* overpaint bench model --write-scores"):
        read_scores(path)
