"""Student and teacher share one denoiser, and neither disturbs the other."""

from __future__ import annotations

import pytest
import torch

from overpaint.methods.esd.adapter import AdapterStudent
from overpaint.methods.esd.selection import select
from overpaint.methods.esd.student import DenseStudent
from overpaint.methods.training.frozen import frozen
from overpaint.patch import Patch
from tests.methods.esd.small import predicted
from tests.methods.tiny import tiny_backbone
from tests.patch.examples import matrix_of

X, T = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([700, 20])


def test_outside_of_acting_the_denoiser_is_the_original_to_the_bit() -> None:
    backbone = tiny_backbone()
    before = predicted(backbone, X, T, "dog")
    places = dict(backbone.unet.named_parameters())
    student = DenseStudent(select(backbone.unet, "x"))
    with torch.no_grad():
        for value in student.trained.values():
            value.add_(0.1)
    assert torch.equal(predicted(backbone, X, T, "dog"), before)
    with student.acting():
        after = predicted(backbone, X, T, "dog")
    assert (after - before).abs().max() > 1e-3
    assert torch.equal(predicted(backbone, X, T, "dog"), before)
    assert all(places[name] is parameter for name, parameter in backbone.unet.named_parameters())


def test_an_exception_gives_the_teacher_back() -> None:
    backbone = tiny_backbone()
    before = predicted(backbone, X, T, "dog")
    student = DenseStudent(select(backbone.unet, "u"))
    with torch.no_grad():
        next(iter(student.trained.values())).mul_(2)
    with pytest.raises(RuntimeError, match="stop"), student.acting():
        raise RuntimeError("stop")
    assert torch.equal(predicted(backbone, X, T, "dog"), before)


def test_nothing_but_the_trained_gets_gradients() -> None:
    backbone = tiny_backbone()
    condition = backbone.encode(["dog"]).repeat(2)
    with frozen(backbone.unet):
        student = DenseStudent(select(backbone.unet, "x-strict"))
        with student.acting():
            loss = backbone.predict(X, T, condition).square().mean()
            gradients = torch.autograd.grad(loss, list(student.trained.values()))
        assert not any(p.requires_grad for p in backbone.unet.parameters())
    assert all(gradient.abs().max() > 0 for gradient in gradients)
    assert all(p.requires_grad and p.grad is None for p in backbone.unet.parameters())


def test_masters_are_float32_whatever_the_model_is() -> None:
    """A half-precision weight of 1 cannot move by 1e-4; its master can, and the patch holds the move."""
    backbone = tiny_backbone()
    backbone.unet.to(torch.bfloat16)
    student = DenseStudent(select(backbone.unet, "x-strict"))
    name, value = next(iter(student.trained.items()))
    with torch.no_grad():
        value.add_(1e-4)
    assert value.dtype == torch.float32
    change = matrix_of(student.deltas()[name])
    torch.testing.assert_close(change, torch.full_like(change, 1e-4), rtol=1e-3, atol=0)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_the_patch_is_what_the_student_was(scale: float) -> None:
    backbone = tiny_backbone()
    student = DenseStudent(select(backbone.unet, "all"))
    with torch.no_grad():
        for value in student.trained.values():
            value.add_(0.02 * torch.randn(value.shape, generator=torch.Generator().manual_seed(1)))
    with student.acting(scale):
        wanted = predicted(backbone, X, T, "dog")
    patch = Patch.made_on(backbone.pipe, student.deltas(scale))
    with patch.applied_to(backbone.pipe):
        torch.testing.assert_close(predicted(backbone, X, T, "dog"), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", ["x", "all"])
@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_a_low_rank_patch_does_what_the_adapter_did(variant: str, scale: float) -> None:
    """Convolutions, too."""
    pytest.importorskip("peft")
    backbone = tiny_backbone()
    before, parameters = predicted(backbone, X, T, "dog"), dict(backbone.unet.named_parameters())
    student = AdapterStudent(backbone.unet, select(backbone.unet, variant), 2, seed=3)  # type: ignore[arg-type]
    with student.acting():
        assert torch.equal(predicted(backbone, X, T, "dog"), before)  # one factor is zero
    with torch.no_grad():
        for name, value in student.trained.items():
            if name.endswith(".up"):
                value.add_(0.05 * torch.randn(value.shape, generator=torch.Generator().manual_seed(1)))
    with student.acting(scale):
        wanted = predicted(backbone, X, T, "dog")
    assert torch.equal(predicted(backbone, X, T, "dog"), before)
    deltas = student.deltas(scale)
    student.close()
    found = dict(backbone.unet.named_parameters())
    assert found.keys() == parameters.keys()
    assert all(found[name] is parameter for name, parameter in parameters.items())
    patch = Patch.made_on(backbone.pipe, deltas)
    with patch.applied_to(backbone.pipe):
        after = predicted(backbone, X, T, "dog")
    assert (wanted - before).abs().max() > 1e-3
    torch.testing.assert_close(after, wanted, rtol=1e-4, atol=1e-5)


def test_adapters_begin_alike_for_one_seed_and_leave_the_global_generator_alone() -> None:
    pytest.importorskip("peft")

    def factors(seed: int) -> torch.Tensor:
        backbone = tiny_backbone()
        torch.manual_seed(len(str(seed)))
        state = torch.random.get_rng_state()
        student = AdapterStudent(backbone.unet, select(backbone.unet, "x-strict"), 2, seed)
        assert torch.equal(torch.random.get_rng_state(), state)
        return next(iter(student.trained.values())).detach()

    assert torch.equal(factors(1), factors(1))
    assert not torch.equal(factors(1), factors(22))
