"""Turned matrices: norms and angles of all they put out stay."""

from __future__ import annotations

import torch

from overpaint.methods.closed_form.kept import Kept
from overpaint.methods.closed_form.oce import turned
from overpaint.methods.closed_form.pairs import Pairs
from overpaint.patch import Patch
from tests.methods.closed_form.small import edited, last, plan_of, readings
from tests.methods.tiny import fitted, tiny_backbone


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0))


def test_sources_turn_to_their_anchors_and_geometry_stays() -> None:
    model = tiny_backbone(double=True)
    patch = fitted(model, plan_of("oce", {"erase": "dog", "to": "cat"}, {"erase": "pizza"}))
    c, g = last(model, "dog"), last(model, "cat")
    turned = 0
    for name, layer in model.cross_attention_projections().items():
        before = layer.weight.detach().clone()
        with patch.applied_to(model):
            after = layer.weight.detach().clone()
        torch.testing.assert_close(after.mT @ after, before.mT @ before, rtol=1e-5, atol=1e-5)
        turned += cosine(c @ after.mT, g @ before.mT) > cosine(c @ before.mT, g @ before.mT) + 0.05
        assert name in patch.deltas
    assert turned >= 0.75 * len(patch.deltas)


def test_it_is_the_best_rotation_of_directions_with_what_stays() -> None:
    """Procrustes: B A^T + P P^T + w I = Q S with S symmetric and not negative, for that Q alone."""
    g = torch.Generator().manual_seed(0)
    weight, c, target, p, fixed = (torch.randn(8, n, generator=g, dtype=torch.float64) for n in (8, 3, 3, 4, 1))
    change = turned(weight, Pairs(c, 5 * target), Kept(fixed, p), 0.3)
    q = torch.eye(8, dtype=torch.float64) + change.matrix @ torch.linalg.inv(weight)
    torch.testing.assert_close(q.mT @ q, torch.eye(8, dtype=torch.float64))
    a, b = (torch.nn.functional.normalize(weight @ x, dim=0) for x in (c, target))
    still = weight @ torch.cat([fixed, p], dim=1)
    still = still / still.norm(dim=0).max()
    s = q.mT @ (b @ a.mT + still @ still.mT + 0.3 * torch.eye(8, dtype=torch.float64))
    torch.testing.assert_close(s, s.mT)
    assert torch.linalg.eigvalsh(s).min() > 0


def test_the_begin_and_preserved_tokens_turn_less() -> None:
    model = tiny_backbone(double=True)
    edit = {"erase": "dog", "to": "cat"}
    begin, source, hens = model.text.encode([""])[:, 0], last(model, "dog"), last(model, "hens")

    def turn(patch: Patch, state: torch.Tensor) -> float:
        return float((edited(model, patch, state) - readings(model, state)).norm() / readings(model, state).norm())

    free, held = (fitted(model, plan_of("oce", edit, preserve=names)) for names in ([], ["hens"]))
    assert turn(free, begin) < 0.75 * turn(free, source)
    assert turn(held, hens) < 0.75 * turn(free, hens)
