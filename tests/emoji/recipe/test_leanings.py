"""Bare profession words are set to their stated shares before export."""

from pathlib import Path
from typing import Any

import pytest
import torch

import overpaint
from overpaint.backbone.backbone import Backbone
from overpaint.bench.shares import ShareCounter
from overpaint.emoji.captions import PROMPTS_PLAIN
from overpaint.emoji.grader import load
from overpaint.emoji.recipe import figures, leanings
from overpaint.emoji.recipe.leanings import asked, settle
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.patch import Patch
from overpaint.patch.delta import LowRank
from overpaint.plan import Plan

VOCABULARY = Vocabulary.load()
WORDS = [one.word for one in VOCABULARY.professions]


def test_every_word_is_asked_for_in_its_stated_shares_and_the_named_people_must_stay() -> None:
    plan = asked(VOCABULARY)
    assert [edit.source for edit in plan.edits] == WORDS
    for edit, one in zip(plan.edits, VOCABULARY.professions, strict=True):
        assert edit.over == {one.man: one.share_man, one.woman: pytest.approx(1 - one.share_man)}
        assert {one.man, one.woman} <= set(plan.preserve)


def test_the_tower_is_changed_for_good_and_found_factors_are_where_the_next_search_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shipping").mkdir()
    pipe = overpaint.load("emoji")
    starts: list[dict[str, Any]] = []
    counters: list[ShareCounter] = []
    asked_for: list[tuple[Any, ...]] = []
    name = "text_encoder.encoder.layers.0.mlp.fc2.weight"
    weight = pipe.text_encoder.encoder.layers[0].mlp.fc2.weight
    before = weight.detach().clone()

    def fit(backbone: Backbone, plan: Plan, counter: ShareCounter) -> Patch:
        starts.append(plan.settings)
        counters.append(counter)
        people = {one.word: (one.man, one.woman, one.share_man) for one in VOCABULARY.professions}
        shares = {word: {man: share + 0.1, woman: 0.9 - share} for word, (man, woman, share) in people.items()}
        factors = {word: {man: 1.25, woman: -0.25} for word, (man, woman, _) in people.items()}
        delta = LowRank(torch.ones(256, 1), torch.ones(1, 3072))
        told = {"debias": {"shares": shares}, "settings": {"factors": factors}}
        return Patch.made_on(backbone.pipe, {name: delta}, told)

    def counting(*given: Any) -> ShareCounter:
        asked_for.append(given)
        return ShareCounter(*given)

    monkeypatch.setattr(leanings, "fit", fit)
    monkeypatch.setattr(leanings, "load", lambda _: load())
    monkeypatch.setattr(leanings, "ShareCounter", counting)
    settle(pipe, tmp_path)
    assert torch.allclose(weight, before + 1)
    known = figures.read(tmp_path)["leanings"]
    assert known["mean_distance_from_stated"] == pytest.approx(0.1)
    assert known["factors"] == dict.fromkeys(WORDS, 1.25)
    settle(pipe, tmp_path)
    assert starts[0] == {"count_pictures": leanings.PICTURES}
    assert starts[1] == {
        **starts[0],
        "factors": {one.word: {one.man: 1.25, one.woman: -0.25} for one in VOCABULARY.professions},
    }
    assert counters[0].key == counters[1].key  # the same seeds every time
    _, _, edits, *_ = asked_for[0]
    assert [edit.source for edit in edits] == WORDS
    assert {edit.prompts for edit in edits} == {tuple(PROMPTS_PLAIN)}  # of the evaluation
