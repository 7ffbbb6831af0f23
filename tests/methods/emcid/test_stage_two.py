"""Stage II against hand computation and against a slow version that really edits the model."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from overpaint.backbone.text import TextEncoder
from overpaint.linear.ridge import Penalty, penalty, ridge_update
from overpaint.methods.emcid.keys import Prompts, average, locate
from overpaint.methods.emcid.stage_two import Aim, Kept, stage_two
from tests.methods.tiny import TEMPLATES, LinearEncoder, penalties, tiny_text

CONCEPTS = ["dog", "pizza", "hens"]


def prompts_of(text: TextEncoder) -> Prompts:
    return locate(text, [(TEMPLATES, name) for name in CONCEPTS])


def wanted(text: TextEncoder, block: int, seed: int = 0) -> Tensor:
    """Values some way from where the concepts are."""
    prompts = prompts_of(text)
    states = text.run(text.embed(prompts.ids), 0, block + 1)
    now = average(prompts.at_last(states), prompts.owner, prompts.concepts)
    return (now + torch.randn(now.shape, generator=torch.Generator().manual_seed(seed))).detach()


def by_editing(
    text: TextEncoder, values: Tensor, blocks: list[int], penalties: dict[int, Penalty], weight: float, residual: str
) -> dict[int, Tensor]:
    """The definition: a full forward of the edited model for every block."""
    edited = TextEncoder(copy.deepcopy(text.model), text.tokenizer)
    prompts = prompts_of(text)
    for i, block in enumerate(blocks):
        states = edited.run(edited.embed(prompts.ids), 0, block)
        _, keys, outputs = edited.block_with_mlp(states, block)
        after = edited.run(states, block, blocks[-1] + 1)
        k, m, h = (average(prompts.at_last(x), prompts.owner, prompts.concepts) for x in (keys, outputs, after))
        r = (values - (h if residual == "stream" else m)) / (len(blocks) - i)
        with torch.no_grad():
            edited.fc2(block).weight += ridge_update(k.mT, r.mT, penalties[block], weight).matrix
    return {b: (edited.fc2(b).weight - text.fc2(b).weight).detach() for b in blocks}


@pytest.mark.parametrize("residual", ["stream", "mlp"])
@pytest.mark.parametrize("blocks", [[0, 1, 2], [1, 3], [2]])
def test_streaming_equals_editing_block_by_block(residual: str, blocks: list[int]) -> None:
    text = tiny_text()
    c = penalties(text, range(4))
    values = wanted(text, blocks[-1])
    slow = by_editing(text, values, blocks, c, 0.5, residual)
    before = copy.deepcopy(text.model.state_dict())
    fast = stage_two(text, Aim(prompts_of(text), values), blocks, c.__getitem__, 0.5, residual=residual)
    assert list(fast) == blocks
    for block in blocks:
        torch.testing.assert_close(fast[block].matrix, slow[block], rtol=1e-9, atol=1e-9)
    assert all(torch.equal(before[name], value) for name, value in text.model.state_dict().items())


def test_chunks_change_nothing() -> None:
    text = tiny_text()
    c = penalties(text, range(3))
    values = wanted(text, 2)
    whole, parts = (
        stage_two(text, Aim(prompts_of(text), values), [0, 1, 2], c.__getitem__, 0.5, chunk=size) for size in (512, 2)
    )
    for block in range(3):
        torch.testing.assert_close(whole[block].matrix, parts[block].matrix)


def test_one_block_and_one_concept_moves_by_the_ridges_share() -> None:
    """W k - W_old k = s R."""
    text = tiny_text()
    c = penalties(text, range(2))
    prompts = locate(text, [(TEMPLATES, "dog")])
    states = text.run(text.embed(prompts.ids), 0, 1)
    key = average(prompts.at_last(text.mlp_input(states, 1)), prompts.owner, 1)[0].detach()
    value = wanted(text, 1)[:1]
    change = stage_two(text, Aim(prompts, value), [1], c.__getitem__, 3.0)[1]
    g = float(c[1].whiten(key[:, None]).square().sum())
    residual = value[0] - average(prompts.at_last(text.run(states, 1, 2)), prompts.owner, 1)[0]
    torch.testing.assert_close(change.matrix @ key, residual * g / (3.0 + g))


def linear(blocks: int, weights: float = 1.0) -> tuple[LinearEncoder, Prompts]:
    g = torch.Generator().manual_seed(0)
    keys = torch.nn.functional.normalize(torch.randn(blocks, 2, 6, generator=g).double(), dim=-1)
    encoder = LinearEncoder(
        torch.randn(2, 4, generator=g).double(), keys, weights * torch.randn(blocks, 4, 6, generator=g).double()
    )
    zero = torch.zeros(1, dtype=torch.long)
    return encoder, Prompts(zero[:, None], zero, zero, zero, zero, 1)


@pytest.mark.parametrize("blocks", [1, 4, 11])
def test_stream_residual_reaches_what_theory_says(blocks: int) -> None:
    """L blocks of shrinkage s reach 1 - prod_j (1 - s/j) of the way, and keep the rest of the state."""
    encoder, prompts = linear(blocks)
    s = 0.4
    value = torch.randn(1, 4, generator=torch.Generator().manual_seed(1)).double()
    changes = stage_two(
        encoder,
        Aim(prompts, value),
        range(blocks),
        lambda _: penalty(torch.eye(6), jitter=0.0),
        1 / s - 1,
    )
    before = encoder.run(encoder.embed(prompts.ids), 0, blocks)[0, 0]
    for block, change in changes.items():
        encoder.weights[block] += change.matrix
    after = encoder.run(encoder.embed(prompts.ids), 0, blocks)[0, 0]
    reached = 1 - torch.tensor([1 - s / j for j in range(1, blocks + 1)]).prod()
    torch.testing.assert_close(after - before, reached.double() * (value[0] - before), rtol=1e-6, atol=1e-6)


def test_mlp_residual_pushes_by_the_whole_state() -> None:
    """The released residual: new state = h + s H_L (h + delta) where feed-forward outputs are nil."""
    blocks, s = 4, 0.5
    encoder, prompts = linear(blocks, weights=0.0)
    h = encoder.states[0]
    delta = torch.randn(4, generator=torch.Generator().manual_seed(1)).double()
    changes = stage_two(
        encoder,
        Aim(prompts, (h + delta)[None]),
        range(blocks),
        lambda _: penalty(torch.eye(6), jitter=0.0),
        1 / s - 1,
        residual="mlp",
    )
    for block, change in changes.items():
        encoder.weights[block] += change.matrix
    after = encoder.run(encoder.embed(prompts.ids), 0, blocks)[0, 0]
    harmonic = sum(1 / j for j in range(1, blocks + 1))
    torch.testing.assert_close(after, h + s * harmonic * (h + delta))


def test_kept_tokens_move_less() -> None:
    text = tiny_text()
    c = penalties(text, range(2))
    values = wanted(text, 1)
    other = text.locate("photo of {}", "kitchen")
    ids = text.tokenize([other.prompt])
    position = torch.tensor([other.last])
    moved = []
    for weight in (1e-6, 1e6):
        kept = Kept(ids, torch.tensor([0]), position, torch.tensor([weight]))
        change = stage_two(text, Aim(prompts_of(text), values), [0, 1], c.__getitem__, 0.1, kept=kept)
        key = text.mlp_input(text.embed(ids), 0)[0, other.last]
        moved.append(float((change[0].matrix @ key).norm().detach()))
    assert moved[1] < 1e-3 * moved[0]


def test_unknown_residual_is_refused() -> None:
    text = tiny_text()
    with pytest.raises(ValueError, match="residual"):
        stage_two(
            text,
            Aim(prompts_of(text), wanted(text, 0)),
            [0],
            penalties(text, range(1)).__getitem__,
            1.0,
            residual="both",
        )
