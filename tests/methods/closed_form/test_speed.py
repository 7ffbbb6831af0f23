"""Erasure inside a null space: the paper's formula, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from overpaint.linear.subspace import null_space
from overpaint.methods.closed_form.config import SpeedConfig
from overpaint.methods.closed_form.pairs import Pairs
from overpaint.methods.closed_form.speed import centres, refined, within_null_space
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


def test_only_what_the_edit_would_move_is_retained_and_variations_are_ones_that_matrices_hardly_see() -> None:
    pairs, weight = Pairs(draw(2, 1), draw(2, 2)), draw(D, 5).mT
    h = weight.mT @ weight
    near, far = pairs.keys + 0.1 * draw(2, 6), torch.linalg.qr(pairs.keys, mode="complete").Q[:, 4:8]
    kept = refined(pairs, torch.cat([near, far], dim=1), h, config(augment=0), 0)
    torch.testing.assert_close(kept, near)
    more = refined(pairs, near, h, config(augment=5, filter=False), 0)
    assert more.shape == (D, 12)
    blind = torch.linalg.eigh(h).eigenvectors[:, 0]
    shift = more[:, 2:] - near.repeat(1, 5)
    assert (shift - blind[:, None] * (blind @ shift)).abs().max() < 1e-12
    assert shift.abs().max() > 0.1
    assert torch.equal(more, refined(pairs, near, h, config(augment=5, filter=False), 0))
    assert refined(pairs, near[:, :0], h, config(), 0).shape == (D, 0)


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
