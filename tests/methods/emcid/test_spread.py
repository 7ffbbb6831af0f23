"""Conditions in many sentences: against states looked up one by one, and against least squares by repetition."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from overpaint.backbone.text import TextEncoder
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.keys import locate
from overpaint.methods.emcid.spread import aim
from overpaint.methods.emcid.stage_two import Aim, stage_two
from overpaint.methods.emcid.tasks import Task, tasks_of
from overpaint.plan import Plan
from tests.methods.tiny import penalties, tiny_text

CONTEXTS = ("we saw a {} today", "the {} is old")
BLOCK = 2


def tasks(text: TextEncoder, *edits: dict[str, object]) -> list[Task]:
    return tasks_of([text], Plan.parse({"edits": list(edits)}), EmcidConfig(values="copy", contexts=CONTEXTS))


def state(text: TextEncoder, template: str, phrase: str) -> Tensor:
    found = text.locate(template, phrase)
    with torch.no_grad():
        return text.run(text.embed(text.tokenize([found.prompt])), 0, BLOCK + 1)[0, found.last].double()


def mean_state(text: TextEncoder, task: Task, phrase: str) -> Tensor:
    return torch.stack([state(text, template, phrase) for template in task.edit.prompts]).mean(dim=0)


def test_without_contexts_a_concept_is_one_condition() -> None:
    text = tiny_text()
    found = tasks(text, {"replace": "dog", "with": "cat"}, {"replace": "pizza", "with": "hens"})
    values = torch.randn(2, text.width)
    aimed = aim(text, found, values, BLOCK, ())
    assert aimed.shares is None
    assert aimed.prompts.concepts == 2
    torch.testing.assert_close(aimed.values, values)


def test_copied_values_are_the_destinations_own_states_in_each_sentence() -> None:
    text = tiny_text()
    (task,) = tasks(text, {"replace": "dog", "with": "cat"})
    aimed = aim(text, [task], mean_state(text, task, "cat")[None], BLOCK, CONTEXTS)
    every = (*task.edit.prompts, *CONTEXTS)
    assert aimed.prompts.concepts == len(aimed.prompts) == len(every)
    torch.testing.assert_close(aimed.values, torch.stack([state(text, t, "cat") for t in every]), rtol=1e-5, atol=1e-5)
    assert aimed.shares is not None
    torch.testing.assert_close(aimed.shares, torch.full((len(every),), 1 / len(every), dtype=torch.float64))


def test_mixtures_move_as_their_destinations_do_together() -> None:
    text = tiny_text()
    (task,) = tasks(text, {"debias": "dog", "over": {"cat": 0.25, "hens": 0.75}})
    value = torch.randn(1, text.width)
    aimed = aim(text, [task], value, BLOCK, CONTEXTS)
    mixed = {t: 0.25 * state(text, t, "cat") + 0.75 * state(text, t, "hens") for t in (*task.edit.prompts, *CONTEXTS)}
    origin = torch.stack([mixed[t] for t in task.edit.prompts]).mean(dim=0)
    wanted = torch.stack([value[0].double() + mixed[t] - origin for t in mixed])
    torch.testing.assert_close(aimed.values, wanted, rtol=1e-5, atol=1e-5)


def test_what_has_no_destination_moves_as_the_source_does() -> None:
    text = tiny_text()
    (task,) = tasks_of([text], Plan.parse({"edits": [{"erase": "dog"}]}), EmcidConfig(erase="esd"))
    value = torch.randn(1, text.width)
    aimed = aim(text, [task], value, BLOCK, CONTEXTS)
    origin = mean_state(text, task, "dog")
    wanted = torch.stack([value[0] + state(text, t, "dog") - origin for t in (*task.edit.prompts, *CONTEXTS)])
    torch.testing.assert_close(aimed.values, wanted, rtol=1e-5, atol=1e-5)


def test_sentences_without_room_and_kinds_that_are_no_things_are_left_out() -> None:
    text = tiny_text()
    long = "and so on " * text.window + "a {}"
    thing, style = tasks(text, {"replace": "dog", "with": "cat"}, {"replace": "pizza", "with": "hens", "kind": "style"})
    aimed = aim(text, [thing, style], torch.zeros(2, text.width), BLOCK, (long, CONTEXTS[0]))
    assert len(aimed.prompts) == len(thing.edit.prompts) + 1 + len(style.edit.prompts)
    assert aimed.shares is not None
    assert aimed.shares.sum().item() == pytest.approx(2)


def test_a_share_of_two_counts_as_the_same_condition_twice() -> None:
    text = tiny_text()
    c = penalties(text, range(BLOCK + 1))
    phrases = [(("a {}",), "dog"), (("a {}",), "pizza")]
    values = torch.randn(2, text.width, dtype=torch.float64)
    counted = Aim(locate(text, phrases), values, torch.tensor([1.0, 2.0]))
    repeated = Aim(locate(text, [*phrases, phrases[1]]), values[[0, 1, 1]])
    shared, twice = (stage_two(text, aimed, [0, 2], c.__getitem__, 0.5) for aimed in (counted, repeated))
    for block in shared:
        torch.testing.assert_close(shared[block].matrix, twice[block].matrix)


def test_a_steady_change_is_the_least_squares_that_also_ignores_what_sentences_add() -> None:
    text = tiny_text()
    c = penalties(text, range(1))
    tasks_found = tasks(text, {"replace": "dog", "with": "cat"}, {"replace": "pizza", "with": "hens"})
    aimed = aim(text, tasks_found, torch.randn(2, text.width), 0, CONTEXTS)
    assert aimed.shares is not None
    assert aimed.group is not None
    change = stage_two(text, aimed, [0], c.__getitem__, 0.5, steady=3.0)[0].matrix
    with torch.no_grad():
        states = text.embed(aimed.prompts.ids)
        out, keys, _ = text.block_with_mlp(states, 0)
        k, h = aimed.prompts.at_last(keys).double(), aimed.prompts.at_last(out).double()
    added = torch.cat([k[aimed.group == g] - k[aimed.group == g].mean(dim=0) for g in (0, 1)])
    w = aimed.shares[:, None].sqrt()
    rows = torch.cat([0.5**0.5 * c[0].cholesky.mT, w * k, 3.0**0.5 * w * added])
    right = torch.zeros(len(rows), text.width, dtype=torch.float64)
    right[len(c[0].moment) : len(c[0].moment) + len(k)] = w * (aimed.values - h)
    torch.testing.assert_close(change, torch.linalg.lstsq(rows, right, driver="gels").solution.mT, rtol=1e-6, atol=1e-8)


def states_at(text: TextEncoder, prompt: str) -> Tensor:
    with torch.no_grad():
        return text.run(text.embed(text.tokenize([prompt])), 0, BLOCK + 1)[0].double()


@pytest.mark.parametrize("contexts", [(), CONTEXTS])
def test_further_tokens_are_to_have_the_destinations_states_at_their_own_places(contexts: tuple[str, ...]) -> None:
    text = tiny_text()
    (task,) = tasks(text, {"replace": "dog and cat", "with": "hens", "prompts": ["a photo of {} in a kitchen"]})
    value = torch.randn(1, text.width)
    last, subject, onward = (aim(text, [task], value, BLOCK, contexts, p) for p in ("last", "subject", "onward"))
    templates = (*task.edit.prompts, *contexts)
    expected = []  # position, state and share
    for template in templates:
        own, goal = text.locate(template, "dog and cat"), text.locate(template, "hens")
        states = states_at(text, goal.prompt)
        expected += [(place, states[goal.start], 1 / len(templates)) for place in range(own.start, own.last)]
        tail = range(own.last + 1, text.window)
        shift = own.last - goal.last
        expected += [(place, states[place - shift], 1 / len(templates) / len(tail)) for place in tail]
    phrase = [e for e in expected if e[2] == 1 / len(templates)]
    for aimed, conditions in ((subject, phrase), (onward, expected)):
        first = last.prompts.concepts
        torch.testing.assert_close(aimed.values[:first], last.values.double())
        assert aimed.prompts.last[len(last.prompts) :].tolist() == [place for place, _, _ in conditions]
        wanted = torch.stack([state for _, state, _ in conditions])
        torch.testing.assert_close(aimed.values[first:], wanted, rtol=1e-5, atol=1e-5)
        assert aimed.shares is not None
        assert aimed.shares[first:].tolist() == pytest.approx([share for _, _, share in conditions])
        assert aimed.group is not None
        assert len(aimed.group[first:].unique()) == len(conditions)


def test_without_a_destination_there_are_no_further_conditions() -> None:
    text = tiny_text()
    (task,) = tasks_of([text], Plan.parse({"edits": [{"erase": "dog"}]}), EmcidConfig(erase="esd"))
    value = torch.randn(1, text.width)
    assert len(aim(text, [task], value, BLOCK, (), "onward").prompts) == len(task.edit.prompts)
