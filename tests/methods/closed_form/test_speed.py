"""Erasure inside a null space: the paper's formula, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from overpaint.linear.subspace import null_space
from overpaint.methods.closed_form.config import SpeedConfig
from overpaint.methods.closed_form.pairs import Pairs
from overpaint.methods.closed_form.speed import centres, dimmest, refined, within_null_space
from overpaint.patch import Mapped
from tests.methods.closed_form.small import edited, last, plan_of, readings
from tests.methods.tiny import CAPTIONS, fitted, tiny_backbone

D = 24


def draw(n: int, seed: int, width: int = D) -> Tensor:
    return torch.randn(width, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def config(**settings: Any) -> SpeedConfig:
    return SpeedConfig(**settings)


@pytest.mark.parametrize("slack", [0.0, 0.5])
def test_it_is_the_papers_formula(slack: float) -> None:
    c, g, retained, k2 = draw(3, 1), draw(3, 2), draw(10, 3), draw(2, 4)
    found = within_null_space(Pairs(c, g).scaled(1 / 3), retained, k2, config(slack=slack, **{"lambda": 0.7}))
    eye = torch.eye(D, dtype=torch.float64)
    basis = null_space(retained @ retained.mT / 10, 0.1)
    p = basis @ basis.mT
    m = torch.linalg.inv(c @ c.mT / 3 @ p + 0.7 * eye)
    inner = torch.linalg.inv(k2.mT @ p @ m @ k2 + slack * torch.eye(2, dtype=torch.float64))
    paper = (g - c) @ c.mT / 3 @ p @ (eye - m @ k2 @ inner @ k2.mT @ p) @ m
    torch.testing.assert_close(found.matrix, paper, rtol=1e-8, atol=1e-10)


def test_retained_and_fixed_states_are_read_exactly_as_before() -> None:
    c, g, retained, k2 = draw(3, 1), draw(3, 2), draw(10, 3), draw(2, 4)
    change = within_null_space(Pairs(c, g), retained, k2, config(threshold=1e-9, **{"lambda": 0.01})).matrix
    assert (change @ retained).abs().max() < 1e-8
    assert (change @ k2).abs().max() < 1e-8
    assert (change @ c).norm() > 0.1 * (g - c).norm()


def refined_of(named: Tensor, said: Tensor, weight: Tensor, **settings: Any) -> Tensor:
    return refined(Pairs(draw(2, 1), draw(2, 2)), named, said, weight.mT @ weight, config(**settings), 0)


def test_of_captions_only_what_the_edit_would_move_is_retained_and_of_names_all() -> None:
    keys, weight = draw(2, 1), draw(D, 5).mT
    near, far = keys + 0.1 * draw(2, 6), torch.linalg.qr(keys, mode="complete").Q[:, 4:8]
    none = near[:, :0]
    torch.testing.assert_close(refined_of(none, torch.cat([near, far], dim=1), weight, augment=0), near)
    torch.testing.assert_close(refined_of(far, near, weight, augment=0), torch.cat([far, near], dim=1))
    torch.testing.assert_close(refined_of(near, far, weight, augment=0), near)
    twice = near[:, :1].repeat(1, 2)  # what is all alike is as much as its mean
    torch.testing.assert_close(refined_of(none, twice, weight, augment=0), twice)
    torch.testing.assert_close(refined_of(twice, none, weight, augment=0), twice)
    assert refined_of(none, none, weight).shape == (D, 0)


def test_variations_are_ones_that_matrices_hardly_see() -> None:
    near, weight = draw(2, 1) + 0.1 * draw(2, 6), draw(D, 5).mT
    none = near[:, :0]
    more = refined_of(near, none, weight, augment=5, filter=False)
    assert more.shape == (D, 12)
    least = torch.linalg.svd(weight).Vh[-1]
    shift = more[:, 2:] - near.repeat(1, 5)
    assert (shift - least[:, None] * (least @ shift)).abs().max() < 1e-8
    assert shift.abs().max() > 0.1
    assert torch.equal(more, refined_of(near, none, weight, augment=5, filter=False))


def test_variations_of_what_a_wide_matrix_reads_are_seen_and_sure() -> None:
    """Where outputs are fewer than inputs, a null space of H is no direction."""
    near, weight, noise = draw(2, 1), draw(D // 2, 5).mT, draw(D // 2, 7).mT
    assert weight.shape == (12, 24)
    h = weight.mT @ weight
    found = dimmest(h)
    last = torch.linalg.svd(weight, full_matrices=False)
    assert abs(float(found @ last.Vh[-1])) == pytest.approx(1)
    assert float((weight @ found).norm()) == pytest.approx(float(last.S[-1]))
    shaken = weight + 1e-13 * noise
    assert abs(float(dimmest(shaken.mT @ shaken) @ found)) == pytest.approx(1, abs=1e-9)
    more = refined_of(near, near[:, :0], weight, augment=5, filter=False)
    assert ((weight @ (more[:, 2:] - near.repeat(1, 5))).norm(dim=0) > 1e-3).all()


def test_a_preserved_name_that_the_edit_hardly_moves_is_retained() -> None:
    model = tiny_backbone(double=True, width=96)
    model.family = "sd1"
    edit, names = {"erase": "dog", "to": "cat"}, ["hens", "pizza", "kitchen"]
    patch = fitted(model, plan_of("speed", edit, preserve=names, threshold=1e-6, **{"lambda": 0.01}))
    for name in names:
        state = last(model, name)
        assert (edited(model, patch, state) - readings(model, state)).abs().max() < 1e-4


def test_centres_of_well_separated_groups_are_their_means() -> None:
    groups = [10 * draw(1, i) + 0.01 * draw(5, 10 + i) for i in range(3)]
    found = centres(torch.cat(groups, dim=1), 3)
    means = torch.stack([group.mean(dim=1) for group in groups], dim=1)
    assert torch.cdist(means.mT, found.mT).min(dim=1).values.max() < 1e-6
    assert centres(groups[0], 0).shape == (D, 0)


@pytest.mark.parametrize("shared", [True, False])
def test_on_a_model(shared: bool) -> None:
    model = tiny_backbone(double=True, width=96)
    settings: dict[str, Any] = {"threshold": 1e-6, "filter": False, "shared": shared, "lambda": 0.01}
    plan = plan_of("speed", {"erase": "dog", "to": "cat"}, preserve=["hens", "pizza"], **settings)
    patch = fitted(model, plan)
    assert {name.split(".")[-2] for name in patch.deltas} == {"to_v"}
    maps = {id(delta.map) for delta in patch.deltas.values() if isinstance(delta, Mapped)}
    assert len(maps) == (1 if shared else len(patch.deltas))
    for name in ("hens", "pizza"):
        state = last(model, name)
        assert (edited(model, patch, state) - readings(model, state)).abs().max() < 1e-4
    begin = model.text.encode([""])[:, 0]
    assert (edited(model, patch, begin) - readings(model, begin)).abs().max() < 1e-4
    v = [i for i, name in enumerate(model.cross_attention_projections()) if "to_v" in name]
    assert v
    c, g = last(model, "dog"), last(model, "cat")
    assert (edited(model, patch, c) - readings(model, c)).norm() > 0.3 * (readings(model, g - c)).norm()


def test_caption_tokens_can_be_retained() -> None:
    model = tiny_backbone(width=96)
    plan = plan_of("speed", {"erase": "dog", "to": "cat"}, retain=4, shared=True)
    without = fitted(model, plan_of("speed", {"erase": "dog", "to": "cat"}))
    assert fitted(model, plan, captions=CAPTIONS).hash != without.hash
