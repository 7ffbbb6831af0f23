from __future__ import annotations

import pytest
import torch

from overpaint.patch import Dense, LowRank, Mapped, Patch
from overpaint.patch.comparison import compare


def test_norms_distance_and_cosine() -> None:
    a, b = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    map_ = Mapped(LowRank(torch.ones(2, 1), torch.ones(1, 2)))
    first = Patch({"w": Dense(a), "only": Dense(a), "m": map_}, {"w": "f", "only": "f", "m": "f"})
    second = Patch({"w": Dense(b), "m": Dense(torch.ones(2, 2))}, {"w": "g", "m": "f"})
    only, mapped, both = sorted(compare(first, second), key=lambda line: ("only", "m", "w").index(line.name))
    assert (both.first, both.second) == (3, 4)
    assert both.apart == pytest.approx(5 / 4)
    assert both.cosine == 0
    assert not both.same_base
    assert (only.first, only.second, only.apart) == (3, None, None)
    assert mapped.apart is None
    (same,) = compare(Patch({"w": Dense(b)}, {"w": "g"}), Patch({"w": Dense(2 * b)}, {"w": "g"}))
    assert (same.apart, same.cosine, same.same_base) == (0.5, 1, True)
