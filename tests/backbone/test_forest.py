"""Tokens in a forest have the states that their prompts give them one by one, and what is shared is computed once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from overpaint.backbone.forest import plant, together
from overpaint.backbone.text import TextEncoder
from overpaint.errors import BackboneError
from tests.models import HAS_FLUX2_KLEIN, HAS_QWEN_IMAGE, NEW_TRANSFORMERS, tiny_text_model, tiny_tokenizer
from tests.models.qwen import tiny_chat_tokenizer, tiny_qwen3, tiny_qwen25_vl
from tests.models.t5 import tiny_t5, tiny_t5_tokenizer

PROMPTS = ["photo of dog", "photo of a dog", "photo of dog in kitchen", "", "dog", "photo of dog"]
CHAT = ("<|im_start|>user\n", "<|im_end|>\n")


def clip(**options: Any) -> TextEncoder:
    tokenizer = tiny_tokenizer(16)
    return TextEncoder(tiny_text_model(tokenizer, layers=3, **options), tokenizer)


def chat(masked: bool, model: Any = tiny_qwen3) -> TextEncoder:
    tokenizer = tiny_chat_tokenizer(48)
    return TextEncoder(model(tokenizer, layers=3), tokenizer, window=48, chat=CHAT, masked=masked)


def t5() -> TextEncoder:
    tokenizer = tiny_t5_tokenizer(16)
    return TextEncoder(tiny_t5(tokenizer), tokenizer, window=16)


ENCODERS = {
    "clip": clip,
    "t5": t5,
    "qwen3": pytest.param(lambda: chat(False), marks=pytest.mark.skipif(not HAS_FLUX2_KLEIN, reason="no Qwen3")),
    "qwen3 masked": pytest.param(lambda: chat(True), marks=pytest.mark.skipif(not HAS_FLUX2_KLEIN, reason="no Qwen3")),
    "qwen2.5-vl": pytest.param(
        lambda: chat(False, tiny_qwen25_vl), marks=pytest.mark.skipif(not HAS_QWEN_IMAGE, reason="no Qwen2.5-VL")
    ),
}


def close(found: Tensor, expected: Tensor) -> None:
    """Up to rounding: another word in the place of a right one changes a state by about its size."""
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def every_token(n: int, length: int) -> tuple[Tensor, Tensor]:
    return torch.arange(n).repeat_interleave(length), torch.arange(length).repeat(n)


@torch.no_grad()
def through(text: TextEncoder, ids: Tensor, row: Tensor, position: Tensor, size: int, stop: int = 2) -> Tensor:
    groves = plant(text, ids, row, position, size)
    return together(groves, [grove.at_wanted(grove.run(grove.states, 0, stop)) for grove in groves])


@pytest.mark.parametrize("size", [1, 40, 4096])
@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
def test_states_are_those_of_the_prompts_alone(encoder: Any, size: int) -> None:
    text = encoder()
    ids = text.tokenize(PROMPTS)
    row, position = every_token(*ids.shape)
    with torch.no_grad():
        alone = text.way(ids)(text.embed(ids), 0, 2)
    close(through(text, ids, row, position, size), alone[row, position])
    some = torch.tensor([13, 2, 60, 2, 50, 33])
    close(through(text, ids, row[some], position[some], size), alone[row[some], position[some]])


@settings(max_examples=25, deadline=None)
@given(prompts=st.lists(st.lists(st.integers(1, 3), min_size=16, max_size=16), min_size=1, max_size=30), data=st.data())
def test_any_prompts_may_share_any_beginning(prompts: list[list[int]], data: st.DataObject) -> None:
    text = clip()
    ids = torch.tensor(prompts)
    token = st.tuples(st.integers(0, len(prompts) - 1), st.integers(0, 15))
    row, position = torch.tensor(data.draw(st.lists(token, min_size=1, max_size=40))).unbind(dim=1)
    with torch.no_grad():
        alone = text.run(text.embed(ids), 0, 2)
    close(through(text, ids, row, position, data.draw(st.integers(1, 300))), alone[row, position])


def test_a_template_costs_each_phrase_its_own_tokens() -> None:
    """Beginnings once in a row, and nothing behind the last wanted token."""
    text = clip()
    begin = torch.arange(1, 11).repeat(60, 1)
    ids = torch.cat([begin, torch.arange(60)[:, None] + 20, torch.full((60, 5), 7)], dim=1)
    (grove,) = plant(text, ids, torch.arange(60), torch.full((60,), 10), 4096)
    assert grove.states.shape[:2] == (1, 10 + 60)
    longer = ids.repeat(3, 1)
    longer[:, 10] = torch.arange(180)
    (grove,) = plant(text, longer, torch.arange(180), torch.full((180,), 10), 4096)
    assert grove.states.shape[:2] == (2, 128)  # the beginning twice, 62 tokens of filler


def test_the_same_prompt_twice_is_one() -> None:
    text = clip()
    ids = text.tokenize(["photo of dog"] * 5)
    (grove,) = plant(text, ids, torch.arange(5), torch.tensor([3, 3, 2, 3, 1]), 4096)
    assert grove.states.shape[:2] == (1, 4)
    assert grove.place[grove.wanted.argsort()].tolist() == [3, 3, 2, 3, 1]


def test_passes_are_as_small_as_asked() -> None:
    text = clip()
    ids = torch.randint(1, 90, (90, 16), generator=torch.Generator().manual_seed(0))
    groves = plant(text, ids, *every_token(90, 16), 256)
    assert max(grove.states.shape[:2].numel() for grove in groves) <= 256


@pytest.mark.skipif(not NEW_TRANSFORMERS, reason="kernels are chosen by name in transformers 5")
def test_a_kernel_without_masks_is_refused() -> None:
    text = clip()
    text.model.config._attn_implementation = "flash_attention_2"
    with pytest.raises(BackboneError, match="sdpa"):
        plant(text, text.tokenize(PROMPTS), torch.arange(6), torch.ones(6, dtype=torch.long), 64)
