from __future__ import annotations

import torch

from overpaint.linear.root import symmetric_root


def test_the_root_turns_a_weighted_distance_into_a_plain_one() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(3, 5, generator=generator)  # G has rank 3 of 5
    metric = rows.mT @ rows
    root = symmetric_root(metric)
    errors = torch.randn(7, 5, generator=generator)
    weighted = torch.einsum("ni,ij,nj->n", errors.double(), metric.double(), errors.double())
    torch.testing.assert_close((errors.double() @ root).square().sum(dim=1), weighted)
    torch.testing.assert_close(root, root.mT)
    assert root.dtype == torch.float64
