"""Embeddings that revive a concept, and their erasure."""

from __future__ import annotations

from typing import Any

import torch

from overpaint.methods import fit
from overpaint.methods.closed_form.rece import gram, revived
from overpaint.methods.closed_form.text_map import text_map
from tests.methods.closed_form.small import asked, backbone, plan_of, readings

ERASE = {"erase": "dog", "to": "cat"}


def test_the_revived_embedding_is_the_best_there_is() -> None:
    """Of all embeddings the one whose readings are nearest to what the source was read as, by stacked least squares."""
    model = backbone()
    pairs, kept, _ = asked(model, plan_of("uce", ERASE))
    change = text_map(pairs, kept, 0.5)
    weights = [layer.weight.detach() for layer in model.cross_attention_projections().values()]
    found = revived(pairs.keys, change, gram(weights), 0.3)
    stack, eye = torch.cat(weights), torch.eye(len(found), dtype=torch.float64)
    rows = torch.cat([stack @ (eye + change.matrix), 0.3**0.5 * eye])
    wanted = torch.cat([stack @ pairs.keys, torch.zeros_like(pairs.keys)])
    torch.testing.assert_close(found, torch.linalg.lstsq(rows, wanted).solution, rtol=1e-6, atol=1e-8)


def test_what_revived_the_concept_no_longer_does() -> None:
    model = backbone(width=96)
    plain: dict[str, Any] = {"tokens": "last", "bare": False, "lambda": 0.1, "fixed": ["begin"], "protect": 0.01}
    pairs, kept, config = asked(model, plan_of("rece", ERASE, **plain))
    change = text_map(pairs, kept, config.lambda_)
    h = gram([layer.weight for layer in model.cross_attention_projections().values()])
    worst = revived(pairs.keys, change, h, 1e-3)
    before, anchor = readings(model, pairs.keys.mT), readings(model, pairs.targets.mT)

    def distance(method: str, **extra: Any) -> float:
        patch = fit(model, plan_of(method, ERASE, **plain, **extra))
        with patch.applied_to(model):
            return float((readings(model, worst.mT) - before).norm() / (anchor - before).norm())

    assert distance("uce") < 0.1  # UCE's own weak spot, found
    assert distance("rece", closeness=1e-3) > 0.7


def test_every_round_starts_from_the_last() -> None:
    model = backbone(double=False, width=96)
    hashes = {fit(model, plan_of("rece", ERASE, rounds=rounds)).hash for rounds in (1, 2)}
    assert len(hashes) == 2
