"""Widening changes keys and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from overpaint.backbone.text import TextEncoder
from overpaint.emoji.recipe.widen import narrow, widen
from tests.models import tiny_text_model, tiny_tokenizer

PROMPTS = ["photo of a dog", "pizza"]


def test_the_function_stays_and_the_keys_grow() -> None:
    tokenizer = tiny_tokenizer(20)
    text = TextEncoder(tiny_text_model(tokenizer).double(), tokenizer)
    wide = TextEncoder(widen(text.model, 3 * text.key_width), tokenizer)
    assert wide.key_width == 3 * text.key_width
    assert wide.model.config.intermediate_size == wide.key_width
    torch.testing.assert_close(wide.encode(PROMPTS), text.encode(PROMPTS), rtol=1e-12, atol=1e-12)
    states = text.embed(text.tokenize(PROMPTS))
    old, new = text.mlp_input(states, 0), wide.mlp_input(states, 0)
    torch.testing.assert_close(new[..., : text.key_width], old)
    added = new[..., text.key_width :]
    assert 0.3 < float((added.std() / old.std()).detach()) < 3  # of the trained ones' size
    assert added.flatten(0, 1).std(dim=0).min() > 0  # no unit is dead


def test_it_is_a_copy_that_saves_and_repeats_itself(tmp_path: Path) -> None:
    model = tiny_text_model(tiny_tokenizer(20))
    width = model.config.intermediate_size
    a, b = widen(model, 2 * width, seed=1), widen(model, 2 * width, seed=1)
    assert model.config.intermediate_size == width
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    a.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    ids = torch.tensor([[1, 2, 3]])
    torch.testing.assert_close(again(ids).last_hidden_state, a(ids).last_hidden_state)


def test_the_same_width_is_the_same_model_and_narrowing_is_refused() -> None:
    model = tiny_text_model(tiny_tokenizer(20))
    width = model.config.intermediate_size
    ids = torch.tensor([[1, 2, 3]])
    assert torch.equal(widen(model, width)(ids).last_hidden_state, model(ids).last_hidden_state)
    with pytest.raises(ValueError, match="widen"):
        widen(model, width - 1)


def test_narrowing_undoes_widening() -> None:
    model = tiny_text_model(tiny_tokenizer(20))
    back = narrow(widen(model, 3 * model.config.intermediate_size))
    assert back.config.intermediate_size == model.config.intermediate_size
    assert all(torch.equal(x, y) for x, y in zip(model.parameters(), back.parameters(), strict=True))
