"""Turned matrices: norms and angles of all they put out stay."""

from __future__ import annotations

import torch

from tests.methods.closed_form.small import last, plan_of
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


def test_the_begin_token_turns_least() -> None:
    model = tiny_backbone(double=True)
    patch = fitted(model, plan_of("oce", {"erase": "dog", "to": "cat"}))
    begin = model.text.encode([""])[:, 0]
    for layer in model.cross_attention_projections().values():
        before = layer.weight.detach().clone()
        with patch.applied_to(model):
            after = layer.weight.detach().clone()
        still, moved = (cosine(x @ after.mT, x @ before.mT) for x in (begin, last(model, "dog")))
        assert still > moved
