"""Freezing is for a while, and only of what was not frozen before."""

import pytest
import torch
from torch import nn

from overpaint.methods.training.frozen import frozen


def test_no_gradient_inside_and_the_old_state_behind() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    module[0].weight.requires_grad_(False)
    with frozen(module):
        assert not module(torch.ones(1, 2)).requires_grad
    assert not module[0].weight.requires_grad
    assert module[0].bias.requires_grad
    assert module[1].weight.requires_grad


def test_an_error_inside_leaves_nothing_frozen() -> None:
    module = nn.Linear(2, 2)
    with pytest.raises(KeyError), frozen(module):
        raise KeyError
    assert all(p.requires_grad for p in module.parameters())
