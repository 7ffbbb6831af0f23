from __future__ import annotations

from overpaint.emoji.templates import FREE_FORM_TEST, FREE_FORM_TRAINING
from overpaint.methods.sentences import SENTENCES, sentences_for
from overpaint.plan.templates import KINDS


def test_every_kind_has_sentences_that_no_benchmark_asks_with() -> None:
    assert SENTENCES.keys() == KINDS.keys()
    for kind, known in SENTENCES.items():
        assert len(set(known)) == len(known) >= 12
        assert all(sentence.count("{}") == 1 for sentence in known)
        assert not {*known} & {*FREE_FORM_TEST, *KINDS[kind].prompts}
    assert not {*FREE_FORM_TRAINING} & {*FREE_FORM_TEST}


def test_as_many_as_are_asked_for_spread_over_all() -> None:
    known = SENTENCES["style"]
    assert sentences_for("sd1", "style", 3) == (known[0], known[4], known[8])
    assert sentences_for("sd1", "style", 0) == ()
    assert sentences_for("sd1", "style", 1000) == known


def test_the_bundled_model_is_asked_in_its_own_sentences() -> None:
    assert {*sentences_for("emoji", "object", 8)} < {*FREE_FORM_TRAINING}
    assert sentences_for("emoji", "style", 8) == sentences_for("sd1", "style", 8)
