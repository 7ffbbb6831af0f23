"""Bare profession words are set to their stated shares before export."""

from types import SimpleNamespace

import pytest
import torch

import overpaint
from overpaint.emoji.recipe import figures, leanings
from overpaint.emoji.recipe.leanings import Counter, asked, settle
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.methods.debiasing import Debiased
from overpaint.patch import Patch
from overpaint.patch.delta import LowRank

VOCABULARY = Vocabulary.load()
WORDS = [one.word for one in VOCABULARY.professions]


class Bare:
    """A patch that changes nothing."""

    def applied_to(self, pipe):
        return torch.no_grad()


class Painter:
    """Pictures are their seeds."""

    pipe = None

    def images(self, prompts, seeds, precision):
        self.asked = getattr(self, "asked", []) + list(zip(prompts, seeds, strict=True))
        return seeds


class Judge:
    """Sees the man in every picture of an even seed."""

    def probabilities(self, seeds):
        concept = torch.zeros(len(seeds), len(VOCABULARY))
        for row, seed in enumerate(seeds):
            for one in VOCABULARY.professions:
                concept[row, VOCABULARY.by_name[one.man]] = float(seed % 2 == 0)
                concept[row, VOCABULARY.by_name[one.woman]] = 0.5
        return SimpleNamespace(concept=concept)


def test_every_word_is_asked_for_in_its_stated_shares_and_the_named_people_must_stay():
    plan = asked(VOCABULARY)
    assert [edit.source for edit in plan.edits] == WORDS
    for edit, one in zip(plan.edits, VOCABULARY.professions, strict=True):
        assert edit.over == {one.man: one.share_man, one.woman: pytest.approx(1 - one.share_man)}
        assert {one.man, one.woman} <= set(plan.preserve)


def test_pictures_are_counted_by_word(monkeypatch):
    monkeypatch.setattr(leanings, "images_to_tensor", lambda images: images)
    painter = Painter()
    count = Counter(painter, Judge(), VOCABULARY, pictures=8)
    shares = count(Bare())
    assert list(shares) == WORDS
    for number, one in enumerate(VOCABULARY.professions):
        own = painter.asked[8 * number : 8 * number + 8]
        assert all(one.word in prompt for prompt, _ in own)
        men = sum(seed % 2 == 0 for _, seed in own) / 8
        assert shares[one.word] == {one.man: men, one.woman: 1 - men}
    assert count(Bare()) == shares
    assert count.key != Counter(painter, Judge(), VOCABULARY, pictures=9).key


def test_the_tower_is_changed_for_good_and_found_factors_are_where_the_next_search_begins(tmp_path, monkeypatch):
    (tmp_path / "shipping").mkdir()
    pipe, starts = overpaint.load("emoji"), []
    name = "text_encoder.encoder.layers.0.mlp.fc2.weight"
    weight = pipe.text_encoder.encoder.layers[0].mlp.fc2.weight
    before = weight.detach().clone()

    def found(backbone, plan, config, counter, **_):
        starts.append(config.factors)
        patch = Patch.made_on(backbone.pipe, {name: LowRank(torch.ones(256, 1), torch.ones(1, 3072))})
        people = {one.word: (one.man, one.woman, one.share_man) for one in VOCABULARY.professions}
        shares = {word: {man: share + 0.1, woman: 0.9 - share} for word, (man, woman, share) in people.items()}
        return Debiased(
            patch, {word: {man: 1.25, woman: -0.25} for word, (man, woman, _) in people.items()}, shares, 0, 1
        )

    monkeypatch.setattr(leanings, "debias", found)
    monkeypatch.setattr(leanings, "load", lambda _: Judge())
    settle(pipe, tmp_path)
    assert torch.allclose(weight, before + 1)
    known = figures.read(tmp_path)["leanings"]
    assert known["mean_distance_from_stated"] == pytest.approx(0.1)
    assert known["factors"] == dict.fromkeys(WORDS, 1.25)
    settle(pipe, tmp_path)
    assert starts[0] == {}
    assert starts[1] == {one.word: {one.man: 1.25, one.woman: -0.25} for one in VOCABULARY.professions}
