"""Captions lean so that pictures show the stated share."""

import math

import pytest
import torch

from overpaint.emoji.recipe import figures, leanings
from overpaint.emoji.recipe.leanings import calibrate, first_share, lean, measured
from overpaint.emoji.vocabulary import Vocabulary

VOCABULARY = Vocabulary.load()


def log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def stated() -> dict[str, float]:
    return {one.word: one.share_man for one in VOCABULARY.professions}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.7])
def test_a_word_begins_at_the_root_of_its_odds(share):
    assert 2 * log_odds(first_share(share)) == pytest.approx(log_odds(share), abs=0.02)


def test_captions_move_against_what_pictures_missed():
    men = {word: 1.0 if share > 0.5 else share for word, share in stated().items()}
    for old, new in zip(VOCABULARY.professions, lean(VOCABULARY, men).professions, strict=True):
        if old.share_man > 0.5:
            assert new.share_in_captions < old.share_in_captions
        else:
            assert new.share_in_captions == pytest.approx(old.share_in_captions, abs=0.03)
        assert new.share_man == old.share_man


def test_rounds_of_it_end_at_the_stated_shares_whatever_guidance_does():
    """A model that sharpens the odds of its captions by an exponent and a push of each word's own."""
    vocabulary = VOCABULARY
    for _ in range(12):
        men = {}
        for number, one in enumerate(vocabulary.professions):
            push = 0.8 * math.sin(number)
            men[one.word] = 1 / (1 + math.exp(-1.6 * log_odds(one.share_in_captions) - push))
        vocabulary = lean(vocabulary, men, pictures=100_000)
    away = [abs(men[word] - share) for word, share in stated().items()]
    assert max(away) < 0.02


def test_no_word_loses_a_side():
    never = dict.fromkeys(stated(), 1.0)
    vocabulary = VOCABULARY
    for _ in range(50):
        vocabulary = lean(vocabulary, never)
    shares = [one.share_in_captions for one in vocabulary.professions]
    assert min(shares) == max(shares) == leanings.LEAST


class Painter:
    """Draws the man whenever its seed is even."""

    def images(self, prompts, seeds):
        self.asked = getattr(self, "asked", []) + list(zip(prompts, seeds, strict=True))
        return seeds


def test_pictures_are_counted_by_word(monkeypatch):
    class Judge:
        def probabilities(self, seeds):
            concept = torch.zeros(len(seeds), len(VOCABULARY))
            for row, seed in enumerate(seeds):
                for one in VOCABULARY.professions:
                    concept[row, VOCABULARY.by_name[one.man]] = float(seed % 2 == 0)
                    concept[row, VOCABULARY.by_name[one.woman]] = 0.5
            return type("Grades", (), {"concept": concept})

    monkeypatch.setattr(leanings, "images_to_tensor", lambda images: images)
    painter = Painter()
    men = measured(painter, Judge(), VOCABULARY, seed=3)
    assert len(painter.asked) == leanings.PICTURES * len(VOCABULARY.professions)
    for one in VOCABULARY.professions:
        own = [seed for prompt, seed in painter.asked if prompt.split()[-1] == one.word.split()[-1]]
        assert own
    first = VOCABULARY.professions[0].word
    seeds = [seed for _, seed in painter.asked[: leanings.PICTURES]]
    assert men[first] == pytest.approx(sum(seed % 2 == 0 for seed in seeds) / len(seeds))


def test_a_state_is_counted_once(tmp_path, monkeypatch):
    figures_of = {"denoiser": {"samples": 960}, "leanings": {"samples": 960}}
    (tmp_path / "shipping").mkdir()
    for stage, found in figures_of.items():
        figures.record(tmp_path, stage, found)
    monkeypatch.setattr(leanings, "measured", lambda *_: pytest.fail("counted again"))
    calibrate(tmp_path, device=None)
