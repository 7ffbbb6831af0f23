from __future__ import annotations

from contextlib import suppress

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from overpaint.backbone.precision import SHORT, fast_precision, has_fast_halves, in_precision, in_training


def test_metal_keeps_full_precision() -> None:
    assert not has_fast_halves(torch.device("mps"))
    assert fast_precision(torch.device("mps"), torch.float32) == "float32"


@pytest.mark.parametrize(("units", "chosen"), [(True, "bfloat16"), (False, "float32")])
def test_halves_are_taken_where_there_are_units_for_them(
    units: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: units, raising=False)
    assert fast_precision(torch.device("cpu"), torch.float32) == chosen
    assert fast_precision(torch.device("cpu"), torch.float16) == "float32"  # as they are


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_products_alone_change_their_type(name: str) -> None:
    layer = nn.Linear(4, 2)
    with in_precision(torch.device("cpu"), name):
        assert layer(torch.ones(1, 4)).dtype == getattr(torch, name)
    assert layer.weight.dtype == torch.float32


def attended(precision: str, positions: int, training: bool) -> tuple[Tensor, Tensor]:
    """What attention makes of the same random tokens, and a gradient."""
    g = torch.Generator().manual_seed(0)
    query = torch.randn(2, 3, 16, 8, generator=g).requires_grad_()
    other = torch.randn(2, 3, 16, 8, generator=g)
    device = torch.device("cpu")
    with in_training(device, precision, positions) if training else in_precision(device, precision):
        made = F.scaled_dot_product_attention(query, other, other)
    (gradient,) = torch.autograd.grad(made.float().square().sum(), query)
    return made.detach().float(), gradient


@pytest.mark.parametrize("positions", [16, SHORT + 1])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_computes_what_drawing_does(precision: str, positions: int) -> None:
    made, gradient = attended(precision, positions, training=True)
    drawn, wanted = attended(precision, positions, training=False)
    torch.testing.assert_close(made, drawn, rtol=0.02, atol=0.02)
    torch.testing.assert_close(gradient, wanted, rtol=0.05, atol=0.05)


def test_after_training_attention_is_as_it_was() -> None:
    asked = torch.backends.cuda
    switch = getattr(asked, "fp16_bf16_reduction_math_sdp_allowed", None)  # torch 2.4 has none: nothing is switched

    def now() -> tuple[bool, bool]:
        return switch is not None and switch(), asked.flash_sdp_enabled()

    before = now()
    with suppress(ZeroDivisionError), in_training(torch.device("cpu"), "bfloat16", 16):
        inside = now()
        raise ZeroDivisionError
    assert inside == ((True, False) if switch else before)
    assert now() == before
