"""Notes of what attacks found: read again where they are whole."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from overpaint.backbone.backbone import Backbone
from overpaint.bench.artist import Artist
from overpaint.bench.attacks.attack import Attack, Attempt, Target
from overpaint.bench.attacks.carried import Assault, carry_out
from overpaint.bench.drawing import Drawing
from overpaint.bench.pictures import Pictures
from overpaint.progress import Progress
from tests.bench.attacks.planted import target
from tests.methods.tiny import tiny_backbone

SAID = '[{{"asked": "a hen", "seed": 3, "prompt": {}, "measured": {}, "key": ""}}]'
SPOILT = ["", "[", "[" * 2000, "3", "{}x", "[null]", '[{"asked": "a hen"}]', '[["asked", 3]]']
SPOILT += [SAID.format("7", "{}"), SAID.format('"hen"', '{"loss": NaN}'), SAID.format('"hen"', '{"loss": 1e999}')]
SPOILT += [SAID.format('"hen"', "null"), SAID.format('"\\ud83d"', "{}"), SAID.format('"hen"', '{"loss": "much"}')]


class Looking(Attack):
    name = "looking"
    adaptive = True
    calls: ClassVar[list[str]] = []

    def attempts(self, backbone: Backbone, target: Target, seed: int, progress: Progress) -> list[Attempt]:
        self.calls.append(target.name)
        return [Attempt("a hen", 3, "chin a hen", measured={"loss": 0.5})]


def test_damaged_notes_are_found_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    artist = Artist.of(tiny_backbone(), Pictures(tmp_path / "images"), Drawing(2, 3.0))
    Looking.calls.clear()
    notes, assault = tmp_path / "attacks", Assault(Looking(), target(), 0)
    first = carry_out([assault], artist, notes)
    assert carry_out([assault], artist, notes) == first
    assert len(Looking.calls) == 1
    assert caplog.messages == []
    (note,) = notes.glob("*.json")
    whole = note.read_bytes()
    for number, text in enumerate(SPOILT, 2):
        note.write_text(text)
        caplog.clear()
        assert carry_out([assault], artist, notes) == first
        assert len(Looking.calls) == number, text
        assert note.read_bytes() == whole
        (line,) = caplog.messages
        assert "is damaged" in line
        assert "\n" not in line
