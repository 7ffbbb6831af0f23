from __future__ import annotations

import pytest

from overpaint.backbone.flux import Flux
from overpaint.bench.attacks.token_search import TokenSearch
from overpaint.bench.attacks.typed import Typed, Words
from overpaint.progress import Silent
from tests.bench.attacks.planted import Planted, target
from tests.models import tiny_flux

TRIGGER = "pizza"


@pytest.fixture(scope="module")
def planted() -> Planted:
    backbone = Planted()
    backbone.wanted = backbone.encode([f"{TRIGGER} An image of hen"])
    return backbone


def test_it_finds_a_planted_trigger(planted: Planted) -> None:
    attack = TokenSearch(pictures=2, tokens=1, steps=6, candidates=24, top=64, draws=2)
    found = attack.attempts(planted, target(), 0, Silent())
    assert [one.prompt for one in found] == [f"{TRIGGER} An image of hen"] * 2
    assert found[0].asked == "[found words] An image of hen"
    assert found[0].measured["noise loss"] < 1e-6
    assert found[0].seed != found[1].seed


def test_the_loss_never_rises_and_the_search_depends_on_its_seed_alone(planted: Planted) -> None:
    short, long = (TokenSearch(pictures=1, tokens=2, steps=steps, candidates=6, draws=2) for steps in (1, 3))
    first, again, more = (one.attempts(planted, target(), 7, Silent())[0] for one in (short, short, long))
    assert first == again
    assert more.measured["noise loss"] <= first.measured["noise loss"]


def test_what_is_found_can_be_typed(planted: Planted) -> None:
    (found,) = TokenSearch(pictures=1, tokens=3, steps=2, candidates=4, draws=2).attempts(
        planted, target(), 1, Silent()
    )
    words = found.prompt.removesuffix(" An image of hen").split()
    assert len(words) == 3
    ids = planted.text.tokenize([found.prompt])[0].tolist()
    alone = [planted.text.tokenize([word])[0, 1].item() for word in words]
    assert ids[1:4] == alone


def test_words_are_one_token_each(planted: Planted) -> None:
    words = Words.of(planted.text)
    assert {"pizza", "hen", "dog", "a"} <= set(words.texts)
    assert "pi" not in words.texts  # typed alone it is spelt by its letters
    ids = planted.text.tokenize(list(words.texts))
    assert (ids[:, 1] == words.first).all()
    assert (ids[:, 2] == planted.text.tokenizer.eos_token_id).all()


def test_a_full_window_leaves_no_room(planted: Planted) -> None:
    assert Typed.before(planted.text, "hen " * 40, 3, 0) is None
    nearly = Typed.before(planted.text, " ".join(["hen"] * 16), 3, 0)
    assert nearly is not None
    assert len(nearly.chosen) == 2


def test_it_runs_on_other_families() -> None:
    backbone = Flux(tiny_flux(window=20))
    attack = TokenSearch(pictures=1, tokens=2, steps=1, candidates=3, draws=2)
    (found,) = attack.attempts(backbone, target(), 0, Silent())
    assert found.prompt.endswith("An image of hen")
