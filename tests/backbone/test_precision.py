from __future__ import annotations

import pytest
import torch
from torch import nn

from overpaint.backbone.precision import fast_precision, has_fast_halves, in_precision


def test_metal_keeps_full_precision() -> None:
    assert not has_fast_halves(torch.device("mps"))
    assert fast_precision(torch.device("mps")) == "float32"


@pytest.mark.parametrize(("units", "chosen"), [(True, "bfloat16"), (False, "float32")])
def test_halves_are_taken_where_there_are_units_for_them(
    units: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: units, raising=False)
    assert fast_precision(torch.device("cpu")) == chosen


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_products_alone_change_their_type(name: str) -> None:
    layer = nn.Linear(4, 2)
    with in_precision(torch.device("cpu"), name):
        assert layer(torch.ones(1, 4)).dtype == getattr(torch, name)
    assert layer.weight.dtype == torch.float32
