"""Erasures are judged by every name of a concept, against hold-outs, and styles by style and concept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from overpaint.bench.drawing import Drawing
from overpaint.bench.erasing import ErasureSuite, erase_concepts, erase_style
from overpaint.emoji.palette import STYLE_WORDS
from overpaint.plan import Edit
from tests.bench.worlds import Painter, Reader, Swap, small_world

WORLD = small_world()
SUITE = ErasureSuite(repeats=1, category=2, concepts=6, drawing=Drawing(steps=1))
NAMED = [c.name for c in WORLD.concepts if c.taught and c.general][:3]
HELD = [c.name for c in WORLD.concepts if c.name not in NAMED][:5]
OTHER = HELD[0]


def erase(becomes: Any, **rest: Any) -> tuple[Any, Any, list[list[str]]]:
    asked: list[list[str]] = []

    def fit(edits: Sequence[Edit]) -> Any:
        assert all(edit.action == "erase" for edit in edits)
        asked.append([edit.source for edit in edits])
        return Swap({name: OTHER for edit in edits for name in becomes(edit.source)})

    painter: Any = Painter(WORLD)
    report, erased = erase_concepts(painter, Reader(WORLD), fit, NAMED, HELD, SUITE, hold=-0.03, **rest)
    return report, erased, asked


def test_a_name_may_go_while_its_aliases_stay() -> None:
    report, erased, asked = erase(lambda name: [name])
    assert asked == [[name] for name in NAMED]
    assert report["templates: P(source) before"].value == pytest.approx(0.9)
    assert report["templates: P(source) left"].value < 0.01
    assert report["taught aliases: P(source) left"].value == report["taught aliases: P(source) before"].value > 0.8
    assert report["hold-outs: relative change of P(true)"].value == pytest.approx(0)
    assert set(erased.holdouts) == set(NAMED)
    assert all(line.met is not False for line in report.lines)


def test_harm_to_hold_outs_is_told() -> None:
    report, _, _ = erase(lambda name: [name, HELD[1]])
    line = next(line for line in report.lines if line.name.startswith("hold-outs"))
    assert line.score.value == pytest.approx(-0.2, abs=0.01)
    assert line.met is False


def test_several_at_once_are_one_patch_with_relaxed_bars() -> None:
    report, _, asked = erase(lambda name: [name], together=True)
    assert asked == [NAMED]
    assert [line.bar for line in report.lines if line.bar is not None] == pytest.approx([0.075, -0.045])
    assert report["templates: P(source) left"].count == len(NAMED)


def test_a_style_goes_and_concepts_stay() -> None:
    style = STYLE_WORDS[3]
    seen: list[Edit] = []

    class Unstyled(Swap):
        def applied_to(self, pipe: Any) -> Any:  # pictures lose the style and nothing else
            pipe.unstyled = True
            return super().applied_to(pipe)

    class Stylist(Painter):
        unstyled = False

        def _picture(self, prompt: str, seed: int) -> Any:
            return super()._picture(prompt.replace(f"{style} style", "flat style") if self.unstyled else prompt, seed)

    def fit(edits: Sequence[Edit]) -> Any:
        seen.extend(edits)
        return Unstyled({})

    painter: Any = Stylist(WORLD)
    report = erase_style(painter, Reader(WORLD), fit, style, SUITE)
    assert [(edit.source, edit.kind) for edit in seen] == [(style, "style")]
    assert report["style named: its accuracy before"].value == 1.0
    assert report["style named: its accuracy"].value == 0.0
    assert report["concepts, style named or not: change of accuracy"].value == 0.0
    assert all(line.met is not False for line in report.lines)
