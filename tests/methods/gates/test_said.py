"""Captions are read once for all fits, and again for another model or other captions."""

from __future__ import annotations

import torch

from overpaint.methods import TransientStore
from overpaint.methods.gates.said import said_by
from overpaint.methods.gates.tails import look
from tests.methods.tiny import CAPTIONS, tiny_backbone


def test_tokens_are_those_of_their_captions() -> None:
    model = tiny_backbone()
    said = said_by(model, model.text, CAPTIONS, 1, TransientStore())
    number = int(said.caption[-1])
    ids = model.text.tokenize([CAPTIONS[number]])
    end = int(model.text.end_positions(ids)[0])
    own = said.inputs[said.caption == number]
    position = torch.arange(end)
    before = look(model.text, ids, torch.zeros_like(position), position, 1).inputs
    torch.testing.assert_close(own[-end:], before, rtol=1e-4, atol=1e-5)


def test_what_was_read_is_found_again_and_nothing_else() -> None:
    model, store = tiny_backbone(), TransientStore()
    first = said_by(model, model.text, CAPTIONS, 1, store)
    (key,) = store.entries
    store.entries[key] = {name: tensor + 0 for name, tensor in store.entries[key].items()}
    again = said_by(model, model.text, CAPTIONS, 1, store)
    assert again.inputs is store.entries[key]["inputs"]
    assert torch.equal(again.inputs, first.inputs)
    said_by(model, model.text, CAPTIONS[:-1], 1, store)
    said_by(model, model.text, CAPTIONS, 0, store)
    with torch.no_grad():
        model.text.fc2(0).weight.add_(0.1)
    changed = type(model)(model.pipe)
    said_by(changed, changed.text, CAPTIONS, 1, store)
    assert len(store.entries) == 4
