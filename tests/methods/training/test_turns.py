"""All rows come once before any comes again, by the number of the update alone."""

from __future__ import annotations

import torch

from overpaint.methods.training.turns import turn


def test_every_row_is_used_once_before_any_comes_again() -> None:
    rows = torch.cat([turn(10, 4, step, seed=1) for step in range(5)]).tolist()
    assert sorted(rows[:10]) == sorted(rows[10:]) == list(range(10))
    assert rows[:10] != rows[10:]
    assert torch.equal(turn(10, 4, 3, seed=1), turn(10, 4, 3, seed=1))
    assert not torch.equal(turn(10, 10, 0, seed=1), turn(10, 10, 0, seed=2))
