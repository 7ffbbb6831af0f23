"""Muon's update must be the orthogonal factor of the momentum, whatever the shape."""

import pytest
import torch
from torch import nn

from overpaint.emoji.recipe.optimizer import HybridMuon, orthogonalise


@pytest.mark.parametrize("shape", [(2, 8, 8), (1, 6, 40), (3, 40, 6)])
def test_singular_values_become_about_one_and_directions_stay(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    result = orthogonalise(matrices, steps=8)
    s = torch.linalg.svdvals(result)
    assert s.min() > 0.6
    assert s.max() < 1.3
    u0, _, vh0 = torch.linalg.svd(matrices, full_matrices=False)
    # The polynomial commutes with rotations: in the old singular basis the result is diagonal.
    inner = u0.mT @ result @ vh0.mT
    assert (inner - torch.diag_embed(inner.diagonal(dim1=1, dim2=2))).abs().max() < 1e-3


def test_trains_a_small_network_and_splits_parameters_by_kind() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = HybridMuon(model, lr=0.02, plain=("0.", "4."))
    assert [len(group["params"]) for group in optimizer.param_groups] == [1, 5]
    x = torch.randn(256, 4)
    y = (x[:, :1] * x[:, 1:2]).sin()
    losses = []
    for _ in range(200):
        loss = (model(x) - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
