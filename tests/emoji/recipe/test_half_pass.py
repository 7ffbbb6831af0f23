import copy

import torch
from torch import nn

from overpaint.emoji.recipe.half_pass import half_pass


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 4))


def test_it_gives_what_a_half_precision_copy_gives() -> None:
    model, inputs = network(), torch.randn(8, 16)
    expected = copy.deepcopy(model).bfloat16()(inputs.bfloat16())
    torch.testing.assert_close(half_pass(model)(inputs), expected, rtol=0, atol=0)


def test_gradients_arrive_in_float32_at_float32_weights_and_agree_with_full_precision() -> None:
    model, full, inputs = network(), network(), torch.randn(64, 16)
    half_pass(model)(inputs).float().square().mean().backward()
    full(inputs).square().mean().backward()
    for ours, theirs in zip(model.parameters(), full.parameters(), strict=True):
        assert ours.dtype == torch.float32
        assert ours.grad is not None
        assert theirs.grad is not None
        assert ours.grad.dtype == torch.float32
        assert torch.cosine_similarity(ours.grad.flatten(), theirs.grad.flatten(), dim=0) > 0.999


def test_integer_inputs_are_left_alone() -> None:
    table = nn.Embedding(300, 4)
    row = half_pass(table)(torch.tensor([259]))
    torch.testing.assert_close(row, table.weight[259:260].bfloat16())
