"""Erasures are judged by every name of a concept, one at a time and together; styles by style and concept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from overpaint.bench.drawing import Drawing
from overpaint.bench.results import Case
from overpaint.bench.suites.emoji import emoji_suite
from overpaint.bench.suites.emoji.asked import ALIASES, CATEGORY, NEIGHBOURS
from overpaint.bench.suites.emoji.erasing import erasure, moderation, style_erasure
from overpaint.bench.suites.run import Bench
from overpaint.bench.suites.suite import Judges
from overpaint.emoji.palette import STYLE_WORDS
from overpaint.plan import Plan
from tests.bench.suites.emoji.test_suite import NAMES, SMALL, VOCABULARY, judged, value, world
from tests.bench.worlds import Painter, Reader, Swap


def by_name_alone(plan: Plan) -> dict[str, str]:
    return dict.fromkeys((edit.source for edit in plan.edits), NAMES[0])


@pytest.fixture
def cases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[int, Case]:
    """Of a method that forgets nothing but the very name, by how many concepts one patch erases."""
    return {case.edits: case for case in judged(monkeypatch, tmp_path, by_name_alone, "erasure").cases}


def test_a_name_may_go_while_its_aliases_stay(cases: dict[int, Case]) -> None:
    case = cases[1]
    assert value(case, "P(source) left", "templates") < 0.01
    assert value(case, "P(source) left", ALIASES) == pytest.approx(0.9)
    assert value(case, "attack success after", ALIASES) == value(case, "attack success before", ALIASES) == 1
    assert value(case, "hold-out change", "hold-outs") == pytest.approx(0)
    assert case.row("P(source) left", "templates").figure.count == SMALL.singles


def test_several_at_once_are_one_patch(cases: dict[int, Case]) -> None:
    case = cases[SMALL.together]
    assert len((case.plan or {})["edits"]) == SMALL.together
    assert case.row("P(source) left", "templates").figure.count == SMALL.together
    assert "+" not in (case.patch or "")


def test_the_word_for_a_category_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A painter that draws the concept where only its category is named, before and after."""
    names = [edit.source for spec in erasure(world()) for part in spec.parts for edit in part.plans[0].edits]
    concepts = [VOCABULARY.concepts[VOCABULARY.by_name[name]] for name in names]
    drawn = {concept.general: concept for concept in concepts if concept.general}
    mistakes = {word: concept.taught[0] for word, concept in drawn.items()}
    case = judged(monkeypatch, tmp_path, by_name_alone, "erasure", mistakes=mistakes).cases[-1]
    asked = [item for item in case.items if item.group == CATEGORY]
    assert asked
    for item in asked:
        name = item.unit.removeprefix("erase:")
        expected = 0.9 if drawn[item.subject].name == name else 0
        assert item.scores[f"P({name})"].after == pytest.approx(expected, abs=0.01)
    assert len(asked) == SMALL.category * len({item.unit for item in asked})


class Unstyled(Swap):
    """Pictures lose a style and nothing else."""

    def __init__(self, style: str) -> None:
        super().__init__({})
        self.hash, self.style = f"no {style}", style

    @contextmanager
    def applied_to(self, pipe: Any) -> Iterator[None]:
        pipe.lost = self.style
        yield
        pipe.lost = ""


class Stylist(Painter):
    lost = ""

    def _picture(self, prompt: str, seed: int) -> Any:
        other = next(word for word in STYLE_WORDS if word != self.lost)
        return super()._picture(prompt.replace(f"{self.lost} style", f"{other} style") if self.lost else prompt, seed)


def test_a_style_goes_and_concepts_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Fits:
        def __init__(self, *_: Any) -> None:
            pass

        def fit(self, pipe: Any, plan: Plan) -> tuple[Swap, float]:
            (edit,) = plan.edits
            assert edit.kind == "style"
            return Unstyled(edit.source), 0.5

    monkeypatch.setattr("overpaint.bench.suites.run.Fits", Fits)
    suite = emoji_suite([world()], Judges(Reader(VOCABULARY)), ["style erasure"])
    (case,) = Bench(Stylist(VOCABULARY), "painter", tmp_path, Drawing()).run(suite).cases
    assert value(case, "accuracy before", "templates") == 1
    assert value(case, "accuracy after", "templates") == 0
    assert value(case, "P(source) left", "templates") < 0.1
    assert value(case, "accuracy, change", "concept") == 0
    assert value(case, "neighbour damage", "neighbours") == 0
    assert value(case, "hold-out change", "hold-outs") == 0


def test_no_style_is_its_own_neighbour() -> None:
    """Where all styles are erased, the last one, too, is set beside another."""
    every = world()
    every = replace(every, size=replace(every.size, styles=len(STYLE_WORDS)))
    (spec,) = style_erasure(every)
    assert len(spec.parts) == len(STYLE_WORDS)
    for part in spec.parts:
        erased = part.plans[0].edits[0].source
        beside = [probe for probe in part.probes if probe.group == NEIGHBOURS]
        assert beside
        assert not any(f" {erased} style" in probe.prompt for probe in beside)


def test_what_is_shown_to_methods_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    few = replace(world(), size=replace(SMALL, styles=1, styled=len(NAMES)))

    def asked() -> set[str]:
        (spec,) = style_erasure(few)
        return {name for name in NAMES for probe in spec.parts[0].probes if name in (probe.unit, *without(probe.unit))}

    def without(unit: str) -> list[str]:
        return [unit.removesuffix(f" in {style}") for style in STYLE_WORDS if unit.endswith(f" in {style}")]

    taken = sorted(asked())[::2]
    monkeypatch.setattr("overpaint.bench.suites.emoji.erasing.shown", taken.__contains__)
    left = asked()
    assert left
    assert left.isdisjoint(taken)


def test_where_an_anchor_is_needed_a_category_becomes_another_one() -> None:
    several = replace(world(), size=replace(SMALL, categories=2))
    plain, anchored = (next(moderation(several, anchored=anchored)) for anchored in (False, True))
    for part, other in zip(plain.parts, anchored.parts, strict=True):
        (edit,), (to,) = part.plans[0].edits, other.plans[0].edits
        assert edit.destination is None
        assert to.destination in VOCABULARY.by_general
        assert to.destination not in (to.source, *to.members)
        assert part.probes == other.probes
        assert edit == to.model_copy(update={"destination": None})
