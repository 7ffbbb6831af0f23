"""Where in a phrase a value stands: what the ridge problem can do at a token, and what follows from it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from overpaint.backbone.text import TextEncoder
from overpaint.linear.ridge import Penalty, penalty, ridge_update
from overpaint.methods import TransientStore, fit
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.held import COUNTS, reaches, stand
from overpaint.methods.emcid.keys import locate
from overpaint.methods.emcid.memory import memory_key
from overpaint.methods.emcid.spread import aim
from overpaint.methods.emcid.stage_one import steps_of
from overpaint.methods.emcid.tasks import Task, batches, tasks_of
from overpaint.plan import Plan
from tests.methods.tiny import CAPTIONS, TEMPLATES, tiny_backbone, tiny_text

BLOCK, WEIGHT = 1, 2.0


def tasks(text: TextEncoder, *pairs: tuple[str, str]) -> list[Task]:
    edits = [{"replace": a, "with": b, "prompts": list(TEMPLATES)} for a, b in pairs]
    return tasks_of([text], Plan.parse({"edits": edits}), EmcidConfig(values="copy"))


def keys_at(text: TextEncoder, phrase: str, back: int) -> Tensor:
    """(key_width, templates) of the token that stands so many before the phrase's last one."""
    prompts = locate(text, [(TEMPLATES, phrase)])
    with torch.no_grad():
        keys = text.mlp_input(text.run(text.embed(prompts.ids), 0, BLOCK), BLOCK)
    return keys[torch.arange(len(prompts)), prompts.last - back].double().mT


def holding(keys: Tensor) -> Penalty:
    """A second moment that has met these keys (key_width, n) a thousand times."""
    return penalty(torch.eye(len(keys), dtype=torch.float64) + 1000 * keys @ keys.mT)


def test_a_reach_is_what_the_ridge_problem_does_of_a_lone_change() -> None:
    text = tiny_text()
    held = holding(keys_at(text, "dog", 0))
    (found,) = reaches(text, tasks(text, ("chop chop", "cat")), BLOCK, held, WEIGHT)
    for back, share in enumerate(found):
        key = keys_at(text, "chop chop", back)[:, :1]
        wanted = torch.randn(text.width, 1, dtype=torch.float64)
        change = ridge_update(key, wanted, held, WEIGHT).matrix
        torch.testing.assert_close(change @ key, share * wanted)


def test_a_value_stands_before_tokens_that_captions_hold() -> None:
    text = tiny_text()
    one, two = tasks(text, ("hens dog", "cat"), ("dog", "pizza"))
    tokens = text.locate("{}", "hens dog")
    assert tokens.last > tokens.start
    held = holding(keys_at(text, "hens dog", 0))
    early, single = stand(text, [one, two], BLOCK, held, WEIGHT, 0.25, 0.0)
    assert early.early == {text.name: 1}
    assert single is two, "of one token there is no other to stand at"
    loose = holding(torch.zeros(text.key_width, 1, dtype=torch.float64))
    assert stand(text, [one], BLOCK, loose, WEIGHT, 0.25, 0.5) == [one]


def test_a_held_condition_counts_until_a_lone_change_comes_as_far_as_asked() -> None:
    text = tiny_text()
    (task,) = tasks(text, ("dog", "cat"))
    key = keys_at(text, "dog", 0)[:, :1]
    held = holding(0.05 * key)
    ((share,),) = reaches(text, [task], BLOCK, held, WEIGHT)
    (insisted,) = stand(text, [task], BLOCK, held, WEIGHT, 0.0, 0.4)
    ((_, count),) = insisted.insisted
    wanted = torch.randn(text.width, 1, dtype=torch.float64)
    root = count**0.5
    change = ridge_update(root * key, root * wanted, held, WEIGHT).matrix
    assert 0.1 < share < 0.2
    torch.testing.assert_close(change @ key, 0.4 * wanted)
    (loose,) = stand(text, [task], BLOCK, held, WEIGHT, 0.0, share)
    assert loose is task, "what comes that far by itself counts once"
    (least,) = stand(text, [task], BLOCK, holding(1e6 * key), WEIGHT, 0.0, 0.4)
    assert least.insisted == ((text.name, COUNTS),)


def test_counts_are_shares_of_all_conditions_of_a_phrase() -> None:
    text = tiny_text()
    one, two = tasks(text, ("dog", "cat"), ("hens", "kitchen"))
    more = replace(two, insisted=((text.name, 3.0), ("another", 7.0)))
    values = torch.randn(2, text.width)
    for contexts in ((), ("the {} of it",)):
        plain, counted = (aim(text, both, values, BLOCK, contexts) for both in ((one, two), (one, more)))
        before = torch.ones(2, dtype=torch.float64) if plain.shares is None else plain.shares
        factor = torch.ones_like(before)
        factor[len(factor) // 2 :] = 3
        torch.testing.assert_close(counted.shares, before * factor)


def test_the_second_stage_aims_at_the_token_where_the_value_stands() -> None:
    text = tiny_text()
    (task,) = tasks(text, ("hens dog", "cat"))
    (early,) = stand(text, [task], BLOCK, holding(keys_at(text, "hens dog", 0)), WEIGHT, 0.25, 0.0)
    value = torch.randn(1, text.width)
    late, soon = (aim(text, [one], value, BLOCK, ()) for one in (task, early))
    assert (soon.prompts.last[: len(TEMPLATES)] == late.prompts.last - 1).all()
    torch.testing.assert_close(soon.values[0], late.values[0].to(soon.values))
    earlier = text.locate("{}", "hens dog").last - 1 - text.locate("{}", "hens dog").start
    assert soon.prompts.concepts == 1 + earlier * len(TEMPLATES), "the phrase's other tokens are conditions, too"


def test_values_before_the_last_token_are_learned_apart_and_named_otherwise() -> None:
    text = tiny_text()
    (task,) = tasks(text, ("hens dog", "cat"))
    (early,) = stand(text, [task], BLOCK, holding(keys_at(text, "hens dog", 0)), WEIGHT, 0.25, 0.0)
    both = [task.concepts[0], early.concepts[0]]
    assert list(batches(text, both, "window", 8)) == [[0], [1]]
    names = {memory_key(c, EmcidConfig(values="copy"), {text.name: BLOCK}, "m", "t", "s") for c in both}
    assert len(names) == 2
    last, before = (steps_of(c, EmcidConfig(values="states")) for c in both)
    assert before == 4 * last


def test_a_phrase_that_ends_in_a_word_of_all_captions_is_edited_all_the_same() -> None:
    """By its other tokens; and the patch names it."""
    backbone = tiny_backbone()
    text = backbone.text
    settings = {"blocks": [0, 1], "lambda": 10.0, "steady": 0.0}
    others = ("dog", "cat", "hens", "kitchen", "chop", "itch")
    said = [caption for dish in CAPTIONS for caption in (f"{dish} of", f"of {dish}", f"a {dish} of of", "of of of")]
    said += [f"photo of {thing} of" for thing in others for _ in range(20)]

    def edited(**more: float) -> tuple[dict[str, object], float]:
        edits = [{"replace": "pizza of", "with": "cat", "prompts": list(TEMPLATES)}]
        plan = Plan.parse({"method": "emcid-copy", "settings": {**settings, **more}, "edits": edits})
        patch = fit(backbone, plan, store=TransientStore(), captions=said)
        place = text.locate("{}", "pizza of")
        wanted = text.locate("{}", "cat")

        def state(prompt: str, position: int) -> Tensor:
            return text.run(text.embed(text.tokenize([prompt])), 0, 2)[0, position]

        with torch.no_grad():
            goal, before = state("cat", wanted.last), state("pizza of", place.last - 1)
            with patch.applied_to(backbone.pipe):
                after = state("pizza of", place.last - 1)
        return patch.provenance, float((after - goal).norm() / (before - goal).norm())

    told, left = edited(reach=0.98)
    assert told["early"] == ["pizza of"]
    plain, untouched = edited()
    assert "early" not in plain
    assert left < 0.3
    assert untouched > 0.8, "a change for the last token alone hardly touches it"
