"""Embeddings that revive a concept, and their erasure."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from overpaint.methods import fit
from overpaint.methods.closed_form.rece import gram, revived
from overpaint.methods.closed_form.text_map import text_map
from tests.methods.closed_form.small import asked, backbone, plan_of, readings
from tests.methods.tiny import changes, fitted

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


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_every_round_starts_from_the_last(rounds: int) -> None:
    """As by matrices that have been edited, solved one by one."""
    model = backbone(width=96)
    plan = plan_of("rece", ERASE, rounds=rounds)
    pairs, kept, config = asked(model, plan)
    old = {name: layer.weight.detach().clone() for name, layer in model.cross_attention_projections().items()}
    eye, c, g = torch.eye(96, dtype=torch.float64), pairs.keys, pairs.targets
    held = config.lambda_ * eye + kept.soft @ kept.soft.mT

    def edit(weight: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        """What the matrix as it is reads of the anchor is what it is to read of the keys."""
        return weight @ (held + g @ keys.mT) @ torch.linalg.inv(held + keys @ keys.mT)

    new = {name: edit(weight, c) for name, weight in old.items()}
    for _ in range(rounds):
        left = sum((weight.mT @ weight for weight in new.values()), config.closeness * eye)
        right = sum((weight.mT @ old[name] for name, weight in new.items()), 0 * eye)
        worst = torch.linalg.solve(left, right @ c)
        new = {name: edit(weight, worst) for name, weight in new.items()}
    found = changes(model, fitted(model, plan))
    for name, weight in new.items():
        torch.testing.assert_close(old[name] + found[name], weight, rtol=1e-4, atol=1e-5)
