from __future__ import annotations

import torch

from overpaint.methods.training.descent import Descent


def run(descent: Descent, leaf: torch.Tensor, steps: int) -> None:
    for _ in range(steps):
        descent.update(descent.gradients((leaf - 1).square().sum()))


def test_it_is_adamw_with_clipped_gradients() -> None:
    ours, theirs = (torch.zeros(3, requires_grad=True) for _ in range(2))
    descent = Descent({"a": ours}, torch.float32, rate=0.1, weight_decay=0.2, clip=0.5)
    optimiser = torch.optim.AdamW([theirs], lr=0.1, weight_decay=0.2)
    run(descent, ours, 5)
    for _ in range(5):
        optimiser.zero_grad()
        (theirs - 1).square().sum().backward()
        torch.nn.utils.clip_grad_norm_([theirs], 0.5)
        optimiser.step()
    # the fused kernel multiplies and adds in one rounding where the machine can: not everywhere the same last bit
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0)
    assert descent.step == 5


def test_a_stopped_descent_goes_on_to_the_same_bits() -> None:
    whole, first, second = (torch.zeros(3, requires_grad=True) for _ in range(3))
    descent = Descent({"a": whole}, torch.float32, rate=0.1, weight_decay=0.1)
    run(descent, whole, 6)
    stopped, resumed = (Descent({"a": leaf}, torch.float32, rate=0.1, weight_decay=0.1) for leaf in (first, second))
    run(stopped, first, 2)
    resumed.resume({name: value.clone() for name, value in stopped.tensors().items()})
    run(resumed, second, 4)
    assert torch.equal(second, whole)
    assert resumed.step == 6


def test_what_the_loss_does_not_depend_on_stays_as_it_was() -> None:
    used, unused = torch.zeros(3, requires_grad=True), torch.ones(2, requires_grad=True)
    descent = Descent({"used": used, "unused": unused}, torch.float32, rate=0.1)
    run(descent, used, 2)
    assert torch.equal(unused, torch.ones(2))
    assert (used > 0.1).all()


def test_a_share_of_the_rate_moves_as_far_as_that_rate() -> None:
    shared, whole = (torch.zeros(3, requires_grad=True) for _ in range(2))
    quarter, other = Descent({"a": shared}, torch.float32, rate=0.4), Descent({"a": whole}, torch.float32, rate=0.1)
    quarter.update(quarter.gradients((shared - 1).square().sum()), share=0.25)
    other.update(other.gradients((whole - 1).square().sum()))
    assert torch.equal(shared, whole)
