"""The target is the formula of the paper, whatever the network predicts."""

from __future__ import annotations

import pytest
import torch

from overpaint.methods.esd.objective import errors, turned_away, way_left
from tests.methods.tiny import tiny_backbone


def test_the_target_by_hand() -> None:
    empty, concept, other = (torch.full((1, 1, 1, 1), value) for value in (1.0, 3.0, 10.0))
    assert turned_away(empty, concept, 2.0).item() == 1 - 2 * (3 - 1)
    assert turned_away(empty, concept, 2.0, other).item() == 10 - 2 * (3 - 1)


def test_the_newer_scripts_count_one_more() -> None:
    empty, concept = torch.randn(2, 2, 4, 8, 8)
    for eta in (0.0, 1.0, 2.5):
        theirs = concept - (eta + 1) * (concept - empty)
        torch.testing.assert_close(turned_away(empty, concept, eta), theirs)


@pytest.mark.parametrize("kind", ["v_prediction", "sample"])
def test_the_target_means_the_same_in_every_parametrisation(kind: str) -> None:
    backbone = tiny_backbone(double=True, prediction_type=kind)
    x = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    t = torch.tensor([900, 300])
    conditions = [backbone.encode([prompt]).repeat(2) for prompt in ("dog", "")]
    raw = [backbone.predict(x, t, c).detach() for c in conditions]
    noise = [backbone.predict_noise(x, t, c).detach() for c in conditions]
    signal, sigma = backbone._levels(t, x)
    target = turned_away(raw[1], raw[0], 1.5).double()
    as_noise = signal * target + sigma * x if kind == "v_prediction" else (x - signal * target) / sigma
    torch.testing.assert_close(as_noise, noise[1] - 1.5 * (noise[0] - noise[1]), rtol=1e-3, atol=1e-4)


def test_way_left_runs_from_one_to_nothing() -> None:
    start, wanted = torch.randn(2, 3, 4, 8, 8)
    torch.testing.assert_close(way_left(start, start, wanted), torch.ones(3))
    torch.testing.assert_close(way_left(wanted, start, wanted), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(way_left((start + wanted) / 2, start, wanted), torch.full((3,), 0.5))


def test_no_component_towards_the_concept_is_left_at_eta_over_eta_plus_one() -> None:
    empty, concept = torch.randn(2, 3, 4, 8, 8)
    for eta in (1.0, 3.0):
        left = way_left(empty, concept, turned_away(empty, concept, eta))
        torch.testing.assert_close(left, torch.full((3,), eta / (eta + 1)))


def test_errors_are_means_over_each_row() -> None:
    made = torch.zeros(2, 4, 2, 2)
    made[1] = 3.0
    assert errors(made, torch.zeros_like(made)).tolist() == [0.0, 9.0]
