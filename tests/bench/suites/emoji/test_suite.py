"""The emoji suite on a painter that draws what a pretended method makes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from overpaint.bench.drawing import Drawing
from overpaint.bench.results import Case, Result
from overpaint.bench.suites.emoji import SPLITS, TASKS, Size, emoji_suite
from overpaint.bench.suites.emoji.world import World
from overpaint.bench.suites.run import Bench
from overpaint.bench.suites.suite import Judges
from overpaint.emoji.captions import FREE_FORM_TEST
from overpaint.errors import OverpaintError
from overpaint.plan import Plan
from tests.bench.worlds import Painter, Reader, Swap, small_world

VOCABULARY = small_world()
NAMES = tuple(concept.name for concept in VOCABULARY.concepts)
SMALL = Size(
    replacements=(1, 8), singles=2, drawn=4, free_form=2, aliases=1, neighbours=0, holdouts=10, holdout_templates=1,
    single_holdouts=5, together=3, category=2, rectified=4, styles=1, styled=3, professions=4, pictures=2, categories=1,
    rounds=3, per_round=2, composed=3,
)  # fmt: skip
Method = Callable[[Plan], dict[str, str]]


def world(split: str = "test", size: Size = SMALL) -> World:
    return World(VOCABULARY, NAMES, "emcid", split=split, size=size)


def perfect(plan: Plan) -> dict[str, str]:
    """Every name of what is edited becomes what was asked for."""
    becomes: dict[str, str] = {}
    for edit in plan.edits:
        for name in edit.edited:
            concept = VOCABULARY.by_name.get(name)
            others = () if concept is None else VOCABULARY.concepts[concept].aliases
            becomes |= dict.fromkeys((name, *others), edit.destinations[0] if edit.destinations else NAMES[0])
    return becomes


def noise(plan: Plan) -> dict[str, str]:
    return dict.fromkeys(NAMES, NAMES[0])


def judged(
    monkeypatch: pytest.MonkeyPatch, out: Path, method: Method, *tasks: str, mistakes: dict[str, str] | None = None
) -> Result:
    class Fits:
        def __init__(self, *_: Any) -> None:
            pass

        def fit(self, pipe: Any, plan: Plan) -> tuple[Swap, float]:
            return Swap(method(plan)), 0.5

    monkeypatch.setattr("overpaint.bench.suites.run.Fits", Fits)
    painter = Painter(VOCABULARY, mistakes)
    return Bench(painter, "painter", out, Drawing()).run(emoji_suite([world()], Judges(Reader(VOCABULARY)), tasks))


def value(case: Case, metric: str, group: str = "") -> float:
    found = case.row(metric, group).figure.value
    assert found is not None
    return found


def test_a_perfect_method_reaches_everything_and_harms_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = judged(monkeypatch, tmp_path, perfect, "replacement")
    assert [case.edits for case in result.cases] == [1, 8]
    for case in result.cases:
        for group in ("templates", "free form"):
            assert value(case, "P(destination) / C", group) == pytest.approx(1)
            assert value(case, "P(destination)", group) == value(case, "ceiling C", group) == pytest.approx(0.9)
            assert value(case, "source forget", group) == pytest.approx(0.9, abs=0.01)
        assert value(case, "style kept", "style and background") == 0
        assert value(case, "hold-out change", "hold-outs") == 0
        assert case.verdict == "holds"
        assert all(row.met is not False for row in case.rows)
    assert result.case("emcid/replacement/8").row("alias-to-destination", "aliases").figure.count > 0


def test_noise_forgets_all_sources_and_is_called_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    case = judged(monkeypatch, tmp_path, noise, "replacement").cases[-1]
    assert value(case, "source forget", "templates") == pytest.approx(0.9, abs=0.01)
    assert value(case, "hold-out change", "hold-outs") == pytest.approx(-1, abs=0.01)
    assert case.verdict == "broken"


def test_doing_nothing_scores_exactly_no_change_in_every_task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = judged(monkeypatch, tmp_path, lambda _: {})
    changes = {"source forget", "source-to-destination", "alias-to-destination", "pixel change"}
    seen = set()
    for case in result.cases:
        assert case.verdict == "holds", case.name
        for row in case.rows:
            if row.better == "zero" or row.metric in changes:
                figure = row.figure
                assert (figure.value, figure.low, figure.high) == (0, 0, 0), (case.name, row.metric, row.group)
                seen.add(row.metric)
    assert seen > changes


def test_aliases_that_were_never_taught_are_rectified(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    withheld = dict.fromkeys((a for c in VOCABULARY.concepts for a in c.withheld), NAMES[0])
    case = judged(monkeypatch, tmp_path, perfect, "rectification", mistakes=withheld).cases[0]
    assert case.edits == SMALL.rectified
    assert value(case, "source-to-destination", "templates") == pytest.approx(0.9, abs=0.01)
    assert value(case, "P(destination) / C", "free form") == pytest.approx(1)


def test_later_rounds_that_undo_the_first_are_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first: dict[str, str] = {}

    def forgetful(plan: Plan) -> dict[str, str]:
        first.update(perfect(plan) if not first else {})
        return perfect(plan) if perfect(plan).keys() >= first.keys() else {name: name for name in first} | perfect(plan)

    result = judged(monkeypatch, tmp_path, forgetful, "sequential")
    shares = {
        case.name: value(case, "P(destination) / C", "first round")
        for case in result.cases
        if case.task != "replacement"
    }
    assert shares["emcid/sequential/round 1"] == pytest.approx(1)
    assert shares["emcid/sequential/round 3"] < 0.01
    assert value(result.case("emcid/sequential/round 3"), "P(destination) / C", "last round") == pytest.approx(1)
    assert value(result.case("emcid/sequential/at once"), "P(destination) / C", "last round") == pytest.approx(1)


def test_every_task_is_judged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = judged(monkeypatch, tmp_path, perfect)
    assert {case.task for case in result.cases} >= set(TASKS)
    assert all(case.status == "measured" for case in result.cases)
    assert len({case.name for case in result.cases}) == len(result.cases)
    assert all(case.items and case.rows for case in result.cases)
    debias = next(case for case in result.cases if case.task == "debias")
    assert value(debias, "ratio deviation before", "templates") > 0.2
    assert debias.edits == SMALL.professions
    erased = next(case for case in result.cases if case.task == "erasure")
    assert value(erased, "P(source) left", "aliases") < 0.01
    moderated = next(case for case in result.cases if case.task == "moderation")
    assert value(moderated, "P(source) left", "members") < 0.01


def test_more_edits_than_the_model_knows_concepts_are_a_skipped_case(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Fits:
        def __init__(self, *_: Any) -> None:
            pass

    monkeypatch.setattr("overpaint.bench.suites.run.Fits", Fits)
    suite = emoji_suite([world(size=Size(replacements=(1000,), holdouts=5))], Judges(), ["replacement"])
    case = Bench(Painter(VOCABULARY), "painter", tmp_path, Drawing()).run(suite).cases[0]
    assert case.status == "skipped"
    assert "ask for fewer" in case.reason


def test_other_captions_are_another_question(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    judged(monkeypatch, tmp_path, perfect, "rectification")
    suite = emoji_suite([world()], Judges(Reader(VOCABULARY)), ["rectification"])
    bench = Bench(Painter(VOCABULARY), "painter", tmp_path, Drawing())
    assert len(bench.finished(suite, bench.artist())) == 1
    bench.captions = ["a dog"]
    assert not bench.finished(suite, bench.artist())


def test_the_splits_share_no_pair_no_sentence_and_no_seed() -> None:
    validation, test = (world(split) for split in SPLITS)
    assert set(validation.sentences).isdisjoint(test.sentences)
    assert {*validation.sentences, *test.sentences} == set(FREE_FORM_TEST)
    assert set(validation.choose(8).pairs).isdisjoint(test.choose(8).pairs)
    assert validation.holdouts != test.holdouts
    assert world("test").choose(8) == test.choose(8)
    with pytest.raises(OverpaintError, match="validation and test"):
        world("training")


def test_holdouts_are_in_no_edit() -> None:
    here = world()
    named = {name for pair in here.choose(8).pairs for name in pair}
    assert named.isdisjoint(here.holdouts)
    assert set(here.free).isdisjoint(here.holdouts)
