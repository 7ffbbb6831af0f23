"""What blocks are handed by the model, and that they give the model's own states when handed the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from overpaint.backbone.anatomy import dissect
from overpaint.backbone.passage import handed, through
from tests.models import tiny_text_model, tiny_tokenizer
from tests.models.t5 import tiny_t5, tiny_t5_tokenizer

IDS = torch.tensor([[3, 4, 5, 1, 0, 0], [6, 7, 8, 9, 10, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]])
MODELS: dict[str, Callable[[], Any]] = {
    "clip": lambda: tiny_text_model(tiny_tokenizer()),
    "t5": lambda: tiny_t5(tiny_t5_tokenizer()),
}


@torch.no_grad()
@pytest.mark.parametrize("kind", MODELS)
def test_handed_what_the_last_block_was_all_give_the_models_own_states(kind: str) -> None:
    model = MODELS[kind]()
    anatomy = dissect(model)
    call = handed(anatomy.blocks[-1], partial(model, IDS, attention_mask=MASK))
    found = anatomy.norm(through(anatomy.blocks, anatomy.embed(IDS), call))
    torch.testing.assert_close(found, model(IDS, attention_mask=MASK).last_hidden_state)


@torch.no_grad()
def test_clip_hands_all_of_its_blocks_the_same_but_t5_no_position_bias_to_the_first() -> None:
    states = {}
    for kind, make in MODELS.items():
        model = make()
        anatomy = dissect(model)
        calls = [handed(anatomy.blocks[k], partial(model, IDS, attention_mask=MASK)) for k in (0, -1)]
        states[kind] = [through(anatomy.blocks, anatomy.embed(IDS), call) for call in calls]
    torch.testing.assert_close(*states["clip"], rtol=0, atol=0)
    assert not torch.allclose(*states["t5"], atol=1e-3)


def test_no_hook_is_left_where_the_model_fails() -> None:
    block = torch.nn.Linear(2, 2)

    def fail() -> None:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        handed(block, fail)
    assert not block._forward_pre_hooks
