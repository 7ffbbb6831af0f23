"""Widening changes keys and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from overpaint.backbone.text import TextEncoder, text_core
from overpaint.emoji.recipe.widen import ACTIVE, mlp_inputs, narrow, widen
from tests.models import tiny_text_model, tiny_tokenizer

PROMPTS = ["photo of a dog", "pizza"]
NAMES, TEMPLATES = ("dog", "cat", "pizza", "hens"), ("photo of a {}", "{}", "a {} in a kitchen")


def some_inputs(model: torch.nn.Module, concepts: int = 40) -> list[torch.Tensor]:
    """What the blocks might see: concepts apart in some directions, sentences in others."""
    width, generator = model.config.hidden_size, torch.Generator().manual_seed(5)
    stretch = torch.linspace(0.1, 2, width)
    return [
        torch.randn(concepts, 1, width, generator=generator) * stretch
        + torch.randn(concepts, 6, width, generator=generator) * stretch.flip(0)
        for _ in range(model.config.num_hidden_layers)
    ]


def test_the_function_stays_and_the_keys_grow() -> None:
    tokenizer = tiny_tokenizer(20)
    text = TextEncoder(tiny_text_model(tokenizer).double(), tokenizer)
    wide = TextEncoder(widen(text.model, 3 * text.key_width, some_inputs(text.model)), tokenizer)
    assert wide.key_width == 3 * text.key_width
    assert wide.model.config.intermediate_size == wide.key_width
    torch.testing.assert_close(wide.encode(PROMPTS), text.encode(PROMPTS), rtol=1e-12, atol=1e-12)
    states = text.embed(text.tokenize(PROMPTS))
    torch.testing.assert_close(wide.mlp_input(states, 0)[..., : text.key_width], text.mlp_input(states, 0))


def test_new_units_are_active_for_few_and_tell_concepts_apart_rather_than_sentences() -> None:
    model = tiny_text_model(tiny_tokenizer(20))
    seen = some_inputs(model)
    wide = widen(model, model.config.intermediate_size + 200, seen)
    layer = text_core(wide).encoder.layers[0].mlp.fc1
    added = torch.nn.functional.linear(seen[0], layer.weight, layer.bias)[..., -200:].detach()
    torch.testing.assert_close(added.flatten(0, 1).std(dim=0), torch.ones(200))
    assert (added > 0).float().mean() == pytest.approx(ACTIVE, abs=0.01)

    def explained(values: torch.Tensor) -> float:
        return float(values.mean(dim=1).var(dim=0).sum() / values.flatten(0, 1).var(dim=0).sum())

    plain = seen[0] @ torch.randn(seen[0].shape[2], 200, generator=torch.Generator().manual_seed(1))
    assert explained(added) > explained(plain) + 0.2


def test_inputs_are_those_at_the_last_tokens_of_the_names() -> None:
    tokenizer = tiny_tokenizer(20)
    text = TextEncoder(tiny_text_model(tokenizer), tokenizer)
    inputs = mlp_inputs(text, NAMES, TEMPLATES, chunk=5)
    found = text.locate(TEMPLATES[2], NAMES[1])
    states = text.embed(text.tokenize([found.prompt]))
    for block, seen in enumerate(inputs):
        assert seen.shape == (len(NAMES), len(TEMPLATES), text.width)
        layer = text.blocks[block].mlp
        key = text.mlp_input(text.run(states, 0, block), block)[0, found.last]
        torch.testing.assert_close(layer.activation_fn(layer.fc1(seen[1, 2])), key, rtol=1e-4, atol=1e-5)


def test_it_is_a_copy_that_saves_and_repeats_itself(tmp_path: Path) -> None:
    model = tiny_text_model(tiny_tokenizer(20))
    width = model.config.intermediate_size
    a, b = (widen(model, 2 * width, some_inputs(model), seed=1) for _ in range(2))
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
    assert torch.equal(widen(model, width, some_inputs(model))(ids).last_hidden_state, model(ids).last_hidden_state)
    with pytest.raises(ValueError, match="widen"):
        widen(model, width - 1, some_inputs(model))


def test_narrowing_undoes_widening() -> None:
    model = tiny_text_model(tiny_tokenizer(20))
    back = narrow(widen(model, 3 * model.config.intermediate_size, some_inputs(model)))
    assert back.config.intermediate_size == model.config.intermediate_size
    assert all(torch.equal(x, y) for x, y in zip(model.parameters(), back.parameters(), strict=True))
