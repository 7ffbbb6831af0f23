from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from overpaint.backbone import gradients as module
from overpaint.backbone.gradients import gradients


def loss_of(leaf: Tensor, dtype: torch.dtype, size: float, elements: int = 65536) -> Tensor:
    """Mean over as many elements as SDXL's latents have, through a layer of a type."""
    torch.manual_seed(0)
    x = torch.randn(elements, len(leaf), dtype=torch.float64)
    made = (x.to(dtype) @ leaf.to(dtype)).float()
    return size * made.square().mean()


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e5])
def test_in_float16_gradients_are_those_of_float32(size: float) -> None:
    leaf = torch.linspace(0.05, 0.1, 8).requires_grad_()
    expected = torch.autograd.grad(loss_of(leaf, torch.float32, size), leaf)[0]
    (found,) = gradients(loss_of(leaf, torch.float16, size), [leaf], torch.float16)
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.0)
    (lost,) = torch.autograd.grad(loss_of(leaf, torch.float16, size), leaf)
    assert torch.allclose(lost, expected, rtol=0.02) == (size > 1e-3)  # without a multiple, small ones are lost


def test_other_types_are_left_alone() -> None:
    leaf, other = torch.linspace(0.05, 0.1, 8).requires_grad_(), torch.ones(2, requires_grad=True)
    found, none = gradients(loss_of(leaf, torch.float32, 1.0), [leaf, other], torch.float32)
    assert torch.equal(found, torch.autograd.grad(loss_of(leaf, torch.float32, 1.0), leaf)[0])
    assert torch.equal(none, torch.zeros(2))


def test_a_loss_that_is_no_number_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    grad = torch.autograd.grad

    def counted(*given: Any, **more: Any) -> Any:
        calls.append(1)
        return grad(*given, **more)

    monkeypatch.setattr(module.torch.autograd, "grad", counted)
    leaf = torch.ones(2, requires_grad=True)
    (found,) = gradients((leaf * float("nan")).sum(), [leaf], torch.float16)
    assert found.isnan().all()
    assert len(calls) == 1
