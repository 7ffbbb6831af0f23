"""One map of text states is the textbook formula for every matrix that reads them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from overpaint.linear.lowrank import Factors
from overpaint.methods.closed_form.kept import Kept
from overpaint.methods.closed_form.pairs import Pairs, condensed
from overpaint.methods.closed_form.text_map import compose, text_map
from overpaint.patch import LowRank, Mapped
from tests.methods.closed_form.small import asked, backbone, plan_of
from tests.methods.tiny import fitted

D = 48


def states(n: int, seed: int, common: float = 20.0) -> Tensor:
    """As CLIP's: norms near 30, a large part in common."""
    g = torch.Generator().manual_seed(seed)
    shared = torch.nn.functional.normalize(
        torch.randn(D, 1, generator=torch.Generator().manual_seed(99), dtype=torch.float64), dim=0
    )
    return common * shared + 3.0 * torch.randn(D, n, generator=g, dtype=torch.float64)


def kept(n: int, fixed: Tensor | None = None, moment: Tensor | None = None) -> Kept:
    return Kept(states(1, 0)[:, :0] if fixed is None else fixed, states(n, 5), moment)


def textbook(weight: Tensor, pairs: Pairs, soft: Tensor, staying: float, moment: Tensor | None = None) -> Tensor:
    """UCE's sums for one matrix W, pair by pair; a moment is a preserved set like any other."""
    left, right = staying * weight, staying * torch.eye(D, dtype=torch.float64)
    for c, g in zip(pairs.keys.mT, pairs.targets.mT, strict=True):
        left, right = left + torch.outer(weight @ g, c), right + torch.outer(c, c)
    for p in soft.mT:
        left, right = left + torch.outer(weight @ p, p), right + torch.outer(p, p)
    if moment is not None:
        left, right = left + weight @ moment, right + moment
    return left @ torch.linalg.inv(right)


@pytest.mark.parametrize("moment", [False, True])
@pytest.mark.parametrize(("edits", "preserved"), [(1, 0), (7, 5), (20, 40), (100, 30)])
def test_it_equals_the_formula_of_every_matrix(edits: int, preserved: int, moment: bool) -> None:
    pairs, extra = Pairs(states(edits, 1), states(edits, 2)), states(200, 8) @ states(200, 8).mT / 200
    held = kept(preserved, moment=extra if moment else None)
    change = text_map(pairs, held, 0.5)
    assert change.up.shape[1] <= min(edits, D)
    for out in (8, 40, 64):
        weight = torch.randn(out, D, generator=torch.Generator().manual_seed(out), dtype=torch.float64)
        expected = textbook(weight, pairs, held.soft, 0.5, held.moment)
        error = (weight + weight @ change.matrix - expected).abs().max() / expected.abs().max()
        assert error < 1e-10


@pytest.mark.parametrize("tokens", ["last", "sequence", "matching", "context", "all"])
def test_on_a_model_it_equals_the_formula_of_every_matrix(tokens: str) -> None:
    model = backbone()
    plan = plan_of(
        "uce",
        {"replace": "dog", "with": "cat"},
        {"erase": "pizza"},
        preserve=["hens"],
        tokens=tokens,
        fixed=[],
        **{"lambda": 0.5},
    )
    pairs, held, config = asked(model, plan)
    change = text_map(pairs, held, config.lambda_)
    patch = fitted(model, plan)
    for layer in model.cross_attention_projections().values():
        weight = layer.weight.detach().double()
        k = torch.cat([pairs.keys, held.soft], dim=1)
        targets = torch.cat([pairs.targets, held.soft], dim=1)
        left = 0.5 * weight + (weight @ targets) @ k.mT
        expected = left @ torch.linalg.inv(0.5 * torch.eye(len(k), dtype=torch.float64) + k @ k.mT)
        assert (weight + weight @ change.matrix - expected).abs().max() / expected.abs().max() < 1e-10
        with patch.applied_to(model):
            assert (layer.weight - expected).abs().max() / expected.abs().max() < 1e-5


def test_fixed_states_are_read_as_before_and_the_rest_is_the_best_that_leaves_them_so() -> None:
    pairs, fixed = Pairs(states(6, 1), states(6, 2)), states(2, 3)
    change = text_map(pairs, kept(4, fixed), 0.5)
    assert (change.matrix @ fixed).abs().max() < 1e-11
    # the limit of ever larger weights
    heavy = text_map(pairs, Kept(fixed[:, :0], torch.cat([1e4 * fixed, kept(4).soft], dim=1)), 0.5)
    torch.testing.assert_close(change.matrix, heavy.matrix, rtol=1e-4, atol=1e-6)


def test_a_change_as_wide_as_the_layer_is_as_exact_when_condensed() -> None:
    pairs, held = Pairs(states(300, 1), states(300, 2)), kept(200)
    few = pairs.condensed()
    assert few.keys.shape == (D, D)
    torch.testing.assert_close(few.keys @ few.keys.mT, pairs.keys @ pairs.keys.mT)
    torch.testing.assert_close(few.targets @ few.keys.mT, pairs.targets @ pairs.keys.mT)
    soft = condensed(held.soft)
    assert soft.shape == (D, D)
    torch.testing.assert_close(
        text_map(few, Kept(held.fixed, soft), 0.5).matrix, text_map(pairs, held, 0.5).matrix, rtol=1e-7, atol=1e-9
    )


def test_composed_maps_are_edits_made_one_after_the_other() -> None:
    eye = torch.eye(D, dtype=torch.float64)
    first = text_map(Pairs(states(2, 1), states(2, 2)), kept(3), 0.5)
    second = text_map(Pairs(states(3, 3), states(3, 4)), kept(3), 0.5)
    torch.testing.assert_close(eye + compose(first, second).matrix, (eye + first.matrix) @ (eye + second.matrix))
    nothing = Factors(first.up[:, :0], first.down[:0])
    torch.testing.assert_close(compose(first, nothing).matrix, first.matrix)


def test_a_lora_of_each_matrix_holds_the_whole_edit() -> None:
    model = backbone()
    patch = fitted(model, plan_of("uce", {"replace": "dog", "with": "cat"}, {"replace": "pizza", "with": "hens"}))
    for name, layer in model.cross_attention_projections().items():
        delta = patch.deltas[name]
        assert isinstance(delta, Mapped)
        plain = delta.plain(layer.weight)
        assert isinstance(plain, LowRank)
        assert plain.down.shape[0] <= 4
        torch.testing.assert_close(plain.matrix(), delta.of(layer.weight), rtol=1e-5, atol=1e-7)
